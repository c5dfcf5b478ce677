from pathlib import Path

import pytest

from brewhouse.build.files.select import find_sources, has_wildcard, select
from brewhouse.build.files.walk import Choice, Tree
from brewhouse.dockerfile.dockerignore import parse_dockerignore
from brewhouse.dockerfile.match import PatternList
from brewhouse.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.py", "b.py", "docs/a.md", "docs/deep/b.md", "docs/deep/c.txt", ".hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to("docs/deep")
    (tmp_path / "out").symlink_to("/etc")
    return tmp_path


def tree(folder: Path, ignore: str = "") -> Tree:
    return Tree(folder, parse_dockerignore(ignore.encode(), ".dockerignore") if ignore else None)


def names(tree: Tree, source: str, choice: Choice | None = None) -> list[str]:
    return [item.name for item in select(tree, source, choice or Choice())]


@pytest.mark.parametrize(("text", "found"), [("a*", True), ("a?", True), ("[a]", True), (r"a\*", False), ("a", False)])
def test_a_wildcard_counts_unless_it_is_escaped(text: str, found: bool) -> None:  # noqa: FBT001 - a table
    assert has_wildcard(text) == found


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a.py", ["a.py"]),
        ("./docs/", ["docs"]),
        ("/docs/../a.py", ["a.py"]),
        ("../../a.py", ["a.py"]),
        (".", [""]),
        ("*.py", ["a.py", "b.py"]),
        ("docs/*/*.md", ["docs/deep/b.md"]),
        ("*.c", []),
        ("link/*.md", ["docs/deep/b.md"]),
    ],
)
def test_a_source_means_paths_below_the_root(folder: Path, pattern: str, found: list[str]) -> None:
    assert find_sources(tree(folder), [pattern]) == [found]


def test_all_plain_sources_that_are_not_there_are_named_at_once(folder: Path) -> None:
    with pytest.raises(InputError, match=r'^"/x", "/out/passwd": not found$'):
        find_sources(tree(folder), ["x", "a.py", "*.c", "out/passwd", "nowhere/*.c"])
    with pytest.raises(InputError, match=r"^lstat /nowhere: no such file or directory$"):
        find_sources(tree(folder), ["a.py", "nowhere/*.c"])


@pytest.mark.parametrize(
    "asked", [["docs/*.c"], ["docs/*.c", "a.py", "nowhere"], ["docs/*/*.c"], ["docs/**/*.c"], ["*/**/x"]]
)
def test_the_folder_of_a_wildcard_that_means_nothing_is_not_there_for_a_builder(folder: Path, asked: list[str]) -> None:
    with pytest.raises(InputError, match=r"^lstat /docs: no such file or directory$"):
        find_sources(tree(folder), ["docs/*.c"], lambda: asked)
    assert find_sources(tree(folder), ["docs/*.c"]) == [[]]


@pytest.mark.parametrize(
    "other", ["/", "docs", "docs/deep", "docs/deep/b.md", "d*", "*/*/c.txt", "link", "docs/**/*.txt", "**/c.txt"]
)
def test_the_folder_is_there_where_another_pattern_of_the_build_brings_it(folder: Path, other: str) -> None:
    assert find_sources(tree(folder), ["docs/*.c"], lambda: ["docs/*.c", other]) == [[]]


def test_a_wildcard_in_the_root_may_always_mean_nothing(folder: Path) -> None:
    assert find_sources(tree(folder), ["*.c", "*/*.c"], lambda: ["*.c", "*/*.c"]) == [[], []]


@pytest.mark.parametrize("source", ["[a", "docs/?[", "nowhere*[b", "?/a\\", "*/docs*/[^]"])
def test_a_malformed_wildcard_is_refused_even_where_nothing_leads_to_its_fault(folder: Path, source: str) -> None:
    with pytest.raises(InputError, match="syntax error in pattern"):
        find_sources(tree(folder), [source])


@pytest.mark.parametrize("source", ["link/b.md", "link", "docs/../link/b.md", "link/*.md"])
def test_a_link_that_is_ignored_leads_nowhere(folder: Path, source: str) -> None:
    assert find_sources(tree(folder), [source]) != [[]]
    with pytest.raises(InputError, match=r"not found|no such file"):
        find_sources(tree(folder, "link"), [source])


def test_a_link_that_a_wildcard_finds_must_lead_to_what_is_not_ignored(folder: Path) -> None:
    hidden = tree(folder, "docs/deep")
    assert find_sources(hidden, ["lin*"]) == [["link"]]
    with pytest.raises(InputError, match='"/link": not found'):
        select(hidden, "link", Choice())


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ("docs", [".hidden", "a.py", "b.py", "link", "out"]),
        ("*\n!docs/deep", ["docs", "docs/deep", "docs/deep/b.md", "docs/deep/c.txt"]),
        ("**/*.md", [".hidden", "a.py", "b.py", "link", "out", "docs", "docs/deep", "docs/deep/c.txt"]),
        ("*\n!docs/nothing", []),
    ],
)
def test_ignored_files_are_not_seen_and_folders_only_with_something_in_them(
    folder: Path, ignore: str, left: list[str]
) -> None:
    assert names(tree(folder, ignore), "/") == ["", *left]


def test_a_folder_in_which_all_is_ignored_is_not_found(folder: Path) -> None:
    with pytest.raises(InputError, match='"/docs": not found'):
        find_sources(tree(folder, "*\n!docs/nothing"), ["docs"])


def test_a_folder_above_what_is_wanted_is_only_a_parent(folder: Path) -> None:
    items = select(tree(folder), "docs", Choice(included=PatternList(["deep/*.md"])))
    assert [(item.name, item.only_parent) for item in items] == [("", False), ("deep", True), ("deep/b.md", False)]


def test_what_is_excluded_is_left_out(folder: Path) -> None:
    choice = Choice(excluded=PatternList(["**/*.md", "!deep/b.md"]))
    assert names(tree(folder), "docs", choice) == ["", "deep", "deep/b.md", "deep/c.txt"]


def test_a_file_that_is_a_source_itself_is_taken_whatever_is_excluded(folder: Path) -> None:
    assert names(tree(folder), "a.py", Choice(excluded=PatternList(["*.py"]))) == [""]


def test_a_link_as_source_is_followed_and_one_below_is_not(folder: Path) -> None:
    assert names(tree(folder), "link") == ["", "b.md", "c.txt"]
    links = [item for item in select(tree(folder), "/", Choice()) if item.name == "link"]
    assert Path(links[0].source).readlink() == Path("docs/deep")


def test_a_link_that_leads_to_itself_is_refused(folder: Path) -> None:
    (folder / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="too many links"):
        names(tree(folder), "loop")


def test_a_link_to_nothing_is_no_source(folder: Path) -> None:
    (folder / "broken").symlink_to("nowhere")
    assert find_sources(tree(folder), ["bro*"]) == [["broken"]]
    with pytest.raises(InputError, match='"/broken": not found'):
        select(tree(folder), "broken", Choice())
