"""`brewhouse readme` as users run it."""

from pathlib import Path

import msgspec
import pytest
from tests.support.docs import make_docs
from tests.support.library import COMMON
from tests.support.program import Program, Ran
from tests.support.repository import Repository


class Desk:
    """Docs, a library and the program that makes pages of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.out = root / "out"
        self.docs = make_docs(
            root / "docs", bash={}, python={"logo.png": "", "content.md": "%%LOGO%%\nI am %%IMAGE%%\n"}
        )
        (self.docs / "scratch").mkdir()
        (self.docs / "scratch" / "README.md").write_text("by hand\n")
        (root / "library").mkdir()
        for name in ("bash", "python"):
            (root / "library" / name).write_text(f"{COMMON}\nTags: 3\nArchitectures: amd64, s390x\n")
        (root / "froms.json").write_text('{"froms": {}}')

    def run(self, *words: str) -> Ran:
        places = ("--docs", self.docs, "--library", self.root / "library", "--out", self.out)
        return Program(self.root / "store").run("readme", *places, "--froms", self.root / "froms.json", *words)

    def page(self, name: str) -> str:
        return (self.out / name / "README.md").read_text()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_pages_of_all_images_are_written_and_those_that_changed_are_named(desk: Desk) -> None:
    ran = desk.run()
    assert (ran.status, ran.stdout) == (0, "new\tbash/README.md\nnew\tpython/README.md\n")
    assert ran.stderr == "pages: 2 new, 1 left alone\n"
    assert not (desk.out / "scratch").exists()
    assert desk.run().stderr == "pages: 2 same, 1 left alone\n"


def test_named_images_of_one_architecture_are_written(desk: Desk) -> None:
    assert desk.run("--arch", "s390x", "python/").status == 0
    assert "I am s390x/python\n" in desk.page("python")
    assert not (desk.out / "bash").exists()


def test_a_namespace_may_stand_before_the_image(desk: Desk) -> None:
    assert desk.run("--arch", "s390x", "mine/python").status == 0
    assert "I am mine/python\n" in desk.page("python")


def test_pages_of_all_architectures_are_written_into_a_folder_each(desk: Desk) -> None:
    assert desk.run("--arch", "all").status == 0
    assert len(list(desk.out.iterdir())) == 12
    assert "I am winamd64/python\n" in desk.page("windows-amd64/python")
    assert "IS NOT SUPPORTED* ON THE `windows-amd64`" in desk.page("windows-amd64/python")
    assert "I am python\n" in desk.page("master/python")


@pytest.mark.parametrize("text", ['{"s390x": "mainframe", "amd64": "amd64"}', "amd64 = amd64, s390x = mainframe"])
def test_namespaces_come_from_a_file_in_json_or_as_bashbrew_writes_them(desk: Desk, text: str) -> None:
    (desk.root / "namespaces").write_text(text)
    assert desk.run("--arch", "s390x", "--arch-namespaces", str(desk.root / "namespaces"), "python").status == 0
    assert "I am mainframe/python\n" in desk.page("python")


def test_overrides_of_a_branch_stand_in_the_place_of_files_of_the_docs(desk: Desk) -> None:
    (desk.root / "more" / "s390x" / "bash").mkdir(parents=True)
    (desk.root / "more" / "s390x" / "bash" / "content.md").write_text("# big iron\n")
    desk.run("--arch", "all", "--overrides", str(desk.root / "more"))
    assert "# big iron\n" in desk.page("s390x/bash")
    assert "# big iron\n" not in desk.page("amd64/bash")


def test_a_check_writes_nothing_and_names_the_pages_that_would_change(desk: Desk) -> None:
    desk.run()
    assert desk.run("--check").status == 0
    (desk.out / "bash" / "README.md").write_text("old\n")
    (desk.out / "python" / "README.md").unlink()
    ran = desk.run("--check")
    assert (ran.status, ran.stdout) == (1, "changed\tbash/README.md\nnew\tpython/README.md\n")
    assert desk.page("bash") == "old\n"


def test_a_page_that_fails_stays_as_it_was_and_the_rest_is_done(desk: Desk) -> None:
    (desk.out / "bash").mkdir(parents=True)
    (desk.out / "bash" / "README.md").write_text("old\n")
    (desk.root / "library" / "bash").write_text("oops\n")
    ran = desk.run()
    assert (ran.status, ran.stdout) == (1, "new\tpython/README.md\n")
    assert "error: bash/README.md: " in ran.stderr
    assert "bash:1: `oops` has no colon" in ran.stderr
    assert desk.page("bash") == "old\n"
    assert [path.name for path in desk.out.rglob(".*")] == []


def test_the_outcome_of_every_page_is_there_as_json(desk: Desk) -> None:
    (desk.root / "library" / "bash").unlink()
    rows = msgspec.json.decode(desk.run("--format", "json").stdout)
    assert [(row["page"], row["state"]) for row in rows] == [
        ("bash/README.md", "failed"),
        ("python/README.md", "new"),
        ("scratch/README.md", "left alone"),
    ]
    assert "there is no library file `bash`" in rows[0]["reason"]


def test_logos_have_their_last_commits_from_the_history_or_from_a_file(desk: Desk) -> None:
    assert desk.run("python").status == 0
    assert "/docs/master/python/logo.png" in desk.page("python")
    shelf = Repository(desk.root / "checkout")
    commit = shelf.commit({"python/logo.png": "png"})
    shelf.commit({"python/logo.txt": "no logo"})
    for path in desk.docs.rglob("*.md"):
        target = shelf.path / path.relative_to(desk.docs)
        target.parent.mkdir(exist_ok=True)
        target.write_text(path.read_text())
    (shelf.path / "python" / "github-repo").write_text("https://github.com/x/python")
    desk.docs = shelf.path
    assert desk.run("python").status == 0
    assert f"/docs/{commit}/python/logo.png" in desk.page("python")
    (desk.root / "commits.json").write_text('{"python/logo.png": "abc"}')
    assert desk.run("--logo-commits", str(desk.root / "commits.json"), "python").status == 0
    assert "/docs/abc/python/logo.png" in desk.page("python")


def test_the_base_is_found_through_git_without_a_file_of_facts(desk: Desk) -> None:
    repository = Repository(desk.root / "upstream")
    commit = repository.commit({"Dockerfile": "FROM buildpack-deps:trixie\n"})
    text = f"{COMMON}GitRepo: {repository.url}\nGitCommit: {commit}\n\nTags: 3-slim\nArchitectures: s390x\n"
    (desk.root / "library" / "python").write_text(text)
    places = ("--docs", desk.docs, "--library", desk.root / "library", "--out", desk.out)
    program = Program(desk.root / "store")
    assert program.run("readme", *places, "--arch", "s390x", "python").status == 0
    assert "\nlarge\n" in desk.page("python")
    assert list((desk.root / "store" / "cache" / "git").glob("*.git"))
    (desk.root / "library" / "python").write_text(text.replace(commit, "2" * 40))
    ran = program.run("readme", *places, "--arch", "s390x", "python")
    assert ran.status == 1
    assert "cannot be had" in ran.stderr
    assert "\nlarge\n" in desk.page("python")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--arch", "vax"), "`vax` is not an architecture"),
        (("nope",), "docs/nope"),
        (("--docs", "/nonexistent"), "/nonexistent/.template-helpers/template.md is missing"),
        (("--library", "/nonexistent", "python"), "there is no library file `python` (looked in /nonexistent)"),
        (("--froms", "/nonexistent"), "/nonexistent cannot be read"),
        (("--logo-commits", "/dev/null"), "/dev/null is not a JSON object of texts"),
        (("--arch-namespaces", "/nonexistent"), "/nonexistent cannot be read"),
    ],
)
def test_wrong_input_gets_one_line_and_status_2(desk: Desk, words: tuple[str, ...], error: str) -> None:
    ran = desk.run(*words)
    assert (ran.status, ran.stdout) == (2, "")
    assert error in ran.stderr.splitlines()[0]
    assert not desk.out.exists()


def test_bytes_that_are_not_utf8_are_told_with_file_and_line(desk: Desk) -> None:
    (desk.docs / "python" / "content.md").write_bytes(b"a\n\xff")
    ran = desk.run("python")
    assert ran.status == 2
    assert "docs/python/content.md:2: byte 2 is not UTF-8" in ran.stderr


def test_all_architectures_need_a_folder_to_be_written_to(desk: Desk) -> None:
    places = ("--docs", desk.docs, "--library", desk.root / "library")
    ran = Program(desk.root / "store").run("readme", *places, "--arch", "all")
    assert ran.status == 2
    assert "name one with --out" in ran.stderr
