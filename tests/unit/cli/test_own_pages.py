"""Library files and pages of Brewhouse's own families, as users make them."""

import json
from pathlib import Path

import pytest
from tests.support.families import tiny_files
from tests.support.library import COMMIT
from tests.support.program import Program

from brewhouse.oci.platform import Arch


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.chdir(tmp_path)
    return Program(tmp_path / "store")


@pytest.mark.parametrize("family", ["python", "buildpack-deps", "debian"])
def test_a_familys_library_file_reads_back_with_the_tags_of_brewhouse_tags(program: Program, family: str) -> None:
    Path(family).write_text(program.do("library", "write", family, "--git-commit", COMMIT))
    rows = json.loads(program.do("tags", family, "--format", "json"))
    expected = [f"{family}:{tag}" for row in rows for tag in (*row["tags"], *row["shared_tags"])]
    assert program.do("library", "list", f"./{family}").splitlines() == expected
    for arch in ("arm64v8", "windows-amd64"):
        on_arch = [f"{family}:{row['tags'][0]}" for row in rows if arch in row["architectures"]]
        listed = program.do("library", "list", "--uniq", "--arch-filter", "--arch", arch, f"./{family}")
        assert listed.splitlines() == on_arch


def test_a_familys_library_file_names_the_repository_that_publishes_it(program: Program) -> None:
    url = "https://example.org/mine.git"
    text = program.do("library", "write", "python", "--git-commit", COMMIT, "--git-repo", url)
    assert f"GitRepo: {url}\n" in text
    assert "docker-library" not in text


def test_the_python_family_has_a_page_for_every_architecture(program: Program) -> None:
    program.do("readme", "--own", "--git-commit", COMMIT, "--arch", "all", "--out", "out")
    pages = {path.parent.parent.name: path.read_text() for path in Path("out").glob("*/python/README.md")}
    assert pages.keys() == {"master", *Arch}
    assert not [name for name, page in pages.items() if "%%" in page]
    supported = {name for name, page in pages.items() if "IS NOT SUPPORTED" not in page}
    assert {*pages} - supported == {"mips64le"}
    for name in supported:
        assert "## Simple Tags" in pages[name]
        assert f"/blob/{COMMIT}/" in pages[name]
        assert "\n# Which variant to take\n" in pages[name]
        assert "\n# License\n" in pages[name]
    assert "-slim-trixie`" in pages["s390x"]
    assert "windowsservercore" not in pages["s390x"]
    assert "winamd64/python:<version>-windowsservercore" in pages["windows-amd64"]
    assert "bookworm or trixie" in pages["arm64v8"]


def test_a_folder_of_families_brings_its_own_pages_and_may_replace_texts(program: Program) -> None:
    folder = Path("more") / "tool"
    (folder / "readme").mkdir(parents=True)
    for name, content in tiny_files().items():
        (folder / name).write_bytes(content)
    for name in ("content.md", "github-repo", "maintainer.md"):
        (folder / "readme" / name).write_text(f"the {name} of tool\n")
    helpers = Path("more") / "readme" / ".template-helpers"
    helpers.mkdir(parents=True)
    (helpers / "get-help.md").write_text("ask me\n")
    ran = program.run("--families", "more", "readme", "--own", "--git-commit", COMMIT, "--out", "out", "tool")
    assert (ran.status, ran.stdout) == (0, "new\ttool/README.md\n"), ran.stderr
    page = Path("out/tool/README.md").read_text()
    assert "ask me" in page
    assert "the content.md of tool" in page


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("library write nope --git-commit " + COMMIT, "there is no family `nope`"),
        ("library write python --git-commit main", "`main` is not a commit"),
        ("readme --own --out out python", "pages of families link Dockerfiles at a commit"),
        ("readme --own --git-commit main --out out python", "`main` is not a commit"),
        ("readme --own --git-commit " + COMMIT, "these pages need a folder of their own"),
        ("readme --out out", "no docs are named"),
    ],
)
def test_wrong_input_gets_one_line_and_status_2(program: Program, words: str, error: str) -> None:
    ran = program.run(*words.split())
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"error: {error}")
    assert not Path("out").exists()
