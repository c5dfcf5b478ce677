"""A page: the template with its placeholders filled."""

from pathlib import Path

import pytest
from tests.support.docs import make_docs
from tests.support.library import library

from brewhouse.errors import InputError
from brewhouse.oci.platform import Arch
from brewhouse.readme.branch import NAMESPACES, Branch
from brewhouse.readme.docs import Docs, Folder, check_docs
from brewhouse.readme.edition import CURRENT, OF_2019, Edition, find_edition
from brewhouse.readme.page import Facts, make_page
from brewhouse.readme.variants import Suites

ARM = Branch(Arch.ARM64V8, "arm64v8")
PYTHON = library("python", "Tags: 3.14\nArchitectures: amd64, arm64v8")


def page(root: Path, branch: Branch = ARM, edition: Edition = CURRENT, commits: dict[str, str] | None = None) -> str:
    facts = Facts(edition, NAMESPACES, commits or {}, Suites(None, None))
    docs = Docs([Folder(root)])
    check_docs(docs)
    return make_page(PYTHON, branch, docs, facts, lambda _: "")


def test_a_page_has_every_part_in_its_place(tmp_path: Path) -> None:
    files = {"license.md": "MIT\n\n", "issues.md": "mail", "content.md": "# %%IMAGE%%\n\nfrom %%GITHUB-REPO%%\n\n\n"}
    head, _, rest = page(make_docs(tmp_path, python=files)).partition("\n\n")
    assert head == "<!-- python -->"
    note, maintainer, tags, rest = rest.split("\n\n", 3)
    assert note.startswith(
        '**Note:** this is the "per-architecture" repository for the `arm64v8` builds of [the `python`'
    )
    assert maintainer == "us\nask"
    assert tags.startswith("-\t[`3.14`](https://github.com/docker-library/python/blob/")
    assert rest == (
        "mail\n[`amd64`](https://hub.docker.com/r/amd64/python/), [`arm64v8`](https://hub.docker.com/r/arm64v8/python/)"
        "\n\n# arm64v8/python\n\nfrom https://github.com/x/python\n\n# License\n\nMIT\n\ncommon licence of python\n"
    )


@pytest.mark.parametrize(
    ("branch", "image", "has_note"),
    [
        (Branch(), "python", False),
        (ARM, "arm64v8/python", True),
        (Branch(Arch.WINDOWS_AMD64, "winamd64"), "winamd64/python", True),
        (Branch(None, "mine"), "mine/python", False),
        (Branch(Arch.ARM64V8, ""), "python", False),
    ],
)
def test_only_architecture_and_namespace_together_make_a_page_of_one_architecture(
    tmp_path: Path, branch: Branch, image: str, *, has_note: bool
) -> None:
    text = page(make_docs(tmp_path, python={"content.md": "%%IMAGE%% %%REPO%%"}), branch)
    assert f"\n{image} python\n" in text
    assert ("**Note:**" in text) is has_note


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (
            {"logo.png": "", "logo.svg": ""},
            "![logo](https://raw.githubusercontent.com/docker-library/docs/c1/python/logo.png)",
        ),
        (
            {"logo.svg": ""},
            "![logo](https://raw.githubusercontent.com/docker-library/docs/master/python/logo.svg?sanitize=true)",
        ),
        ({}, ""),
    ],
)
def test_the_logo_takes_the_blanks_on_its_line_with_it_and_leaves_the_line(
    tmp_path: Path, files: dict[str, str], line: str
) -> None:
    root = make_docs(tmp_path, python={"content.md": "a\n\n \t%%LOGO%%  \n\nb\n", **files})
    assert f"\na\n\n{line}\n\nb\n" in page(root, commits={"python/logo.png": "c1"})


def test_values_are_literal_and_placeholders_in_them_are_filled_by_later_steps_only(tmp_path: Path) -> None:
    content = r"a & b \1 \\ \g<0> {x} %%TAGS%% %%COMPOSE%% %%UNKNOWN%% %%LICENSE%%|%%CONTENT%%"
    text = page(make_docs(tmp_path, python={"content.md": content}))
    assert r"a & b \1 \\ \g<0> {x} %%TAGS%%  %%UNKNOWN%% |%%CONTENT%%" in text


def test_line_ends_inside_a_file_stay_and_newlines_at_its_end_go(tmp_path: Path) -> None:
    root = make_docs(tmp_path, python={})
    (root / "python/content.md").write_bytes("\n a\r\nb\x0bc\u2028 \n\n\n".encode())
    assert "\n\n\n a\r\nb\x0bc\u2028 \n" in page(root)


def test_a_compose_file_is_shown_in_a_fence_with_the_images_own_words(tmp_path: Path) -> None:
    files = {"content.md": "%%COMPOSE%%", "compose.yaml": "a: 1\n\n"}
    assert "compose python:\n\n```yaml\na: 1\n```\n" in page(make_docs(tmp_path / "1", python=files))
    files["compose.md"] = "own %%COMPOSE-YAML%%"
    assert "own ```yaml\na: 1\n```\n" in page(make_docs(tmp_path / "2", python=files))


def test_an_own_file_counts_even_when_it_is_empty(tmp_path: Path) -> None:
    assert "\nus\nask\n" in page(make_docs(tmp_path / "1", python={}))
    assert "\nus\n\n\n" in page(make_docs(tmp_path / "2", python={"get-help.md": ""}))


@pytest.mark.parametrize(
    ("text", "edition", "heading"),
    [
        ("gone\n", CURRENT, "# **DEPRECATION NOTICE**\n\ngone\n\n"),
        ("# Note ⚠️\n\ngone\n\n", CURRENT, "# Note ⚠️\n\ngone\n\n"),
        ("## Note", CURRENT, "# **DEPRECATION NOTICE**\n\n## Note\n\n"),
        ("# Note\n", OF_2019, "# **DEPRECATION NOTICE**\n\n# Note\n\n"),
    ],
)
def test_a_deprecation_stands_before_the_template_and_after_the_note(
    tmp_path: Path, text: str, edition: Edition, heading: str
) -> None:
    made = page(make_docs(tmp_path, python={"deprecated.md": text}), edition=edition)
    assert f"\n\n{heading}us\nask" in made
    if edition is CURRENT:
        assert made.index("**Note:**") < made.index(heading)


def test_the_page_of_2019_shows_stacks_with_the_commit_of_their_file(tmp_path: Path) -> None:
    files = {"content.md": "%%STACK%%|%%COMPOSE%%", "stack.yml": "s: 1\n", "stack.md": "%%STACK-YML%% %%STACK-URL%%"}
    text = page(make_docs(tmp_path, python=files), edition=OF_2019, commits={"python/stack.yml": "c2"})
    assert "```yaml\ns: 1\n``` https://raw.githubusercontent.com/docker-library/docs/c2/python/stack.yml|\n" in text


@pytest.mark.parametrize("name", ["content.md", "github-repo", "maintainer.md"])
def test_a_missing_file_that_every_image_must_have_is_named(tmp_path: Path, name: str) -> None:
    root = make_docs(tmp_path, python={})
    (root / "python" / name).unlink()
    with pytest.raises(InputError, match=f"python/{name} is missing"):
        page(root)


def test_a_file_that_is_not_utf8_is_named_with_the_line(tmp_path: Path) -> None:
    root = make_docs(tmp_path, python={})
    (root / "python/content.md").write_bytes(b"a\nb\n\xff")
    with pytest.raises(InputError, match=r"python/content\.md:3: byte 4 is not UTF-8"):
        page(root)


@pytest.mark.parametrize("name", ["template.md", "autogenerated-warning.md"])
def test_docs_without_template_are_no_docs(tmp_path: Path, name: str) -> None:
    root = make_docs(tmp_path, python={})
    (root / ".template-helpers" / name).unlink()
    with pytest.raises(InputError, match=f".template-helpers/{name} is missing") as caught:
        page(root)
    assert "--docs" in caught.value.hint


def test_an_unknown_edition_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        find_edition("1999")
    assert caught.value.hint == "known: current, 2019"
