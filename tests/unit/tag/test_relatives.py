"""Parents, children and build order over a small library."""

from pathlib import Path

import pytest
from tests.support.library import facts, library

from brewhouse.errors import InputError
from brewhouse.oci.platform import Arch
from brewhouse.tag.children import children, find_images, read_descent
from brewhouse.tag.folder import Choice, LibraryFolder
from brewhouse.tag.order import build_order, entries_in_build_order
from brewhouse.tag.parents import images_of, parents
from brewhouse.tag.select import Selection
from brewhouse.tag.write import write_library

LINUX = "Architectures: amd64, arm64v8"
WINDOWS = "Architectures: windows-amd64"
LIBRARIES = [
    library("debian", f"Tags: 13, trixie\n{LINUX}", "Tags: trixie-slim"),
    library("buildpack-deps", f"Tags: trixie-curl\n{LINUX}\nFile: c", f"Tags: trixie\n{LINUX}"),
    library(
        "python",
        f"Tags: 3.14-trixie, trixie\nSharedTags: 3.14, latest\n{LINUX}",
        f"Tags: 3.14-windows\nSharedTags: 3.14, latest\n{WINDOWS}",
    ),
    library("hylang", f"Tags: 1-python\n{LINUX}", f"Tags: 1-windows\n{WINDOWS}"),
    library("odd", f"Tags: old\n{LINUX}"),
]
FROMS = facts(
    {
        "debian:13": "scratch",
        "debian:trixie-slim": "debian:trixie",
        "buildpack-deps:trixie-curl": "debian:trixie",
        "buildpack-deps:trixie": "buildpack-deps:trixie-curl",
        "python:3.14-trixie": "alpine:3.24 buildpack-deps:trixie",
        "python:3.14-windows": "mcr.microsoft.com/windows/servercore:ltsc2025",
        "hylang:1-python": "python:3.14",
        "hylang:1-windows": "python:3.14",
        "odd:old": "debian:jessie",
    }
)


@pytest.fixture
def folder(tmp_path: Path) -> LibraryFolder:
    for one in LIBRARIES:
        (tmp_path / one.name).write_text(write_library(one))
    return LibraryFolder(tmp_path)


def named(name: str, tag: str = "") -> Choice:
    return Choice(next(one for one in LIBRARIES if one.name == name), tag)


def descend(name: str, selection: Selection, depth: int = 0) -> list[tuple[str, int]]:
    descent = read_descent(LIBRARIES, selection, "", FROMS)
    return [
        (child.name, child.depth)
        for image in find_images(descent, name, "")
        for child in children(descent, image, depth)
    ]


def test_parents_are_yielded_level_by_level(folder: LibraryFolder) -> None:
    found = parents(named("python", "3.14-trixie"), folder, Selection(), FROMS)
    assert [(parent.name, parent.depth) for parent in found] == [
        ("alpine:3.24", 1),
        ("buildpack-deps:trixie", 1),
        ("buildpack-deps:trixie-curl", 2),
        ("debian:trixie", 3),
    ]


def test_depth_ends_the_search_for_parents(folder: LibraryFolder) -> None:
    found = parents(named("python", "3.14-trixie"), folder, Selection(), FROMS, depth=1)
    assert [parent.name for parent in found] == ["alpine:3.24", "buildpack-deps:trixie"]


def test_parents_through_a_shared_tag_are_those_of_the_same_architectures(folder: LibraryFolder) -> None:
    found = parents(named("hylang", "1-python"), folder, Selection(), FROMS)
    assert "mcr.microsoft.com/windows/servercore:ltsc2025" not in [parent.name for parent in found]


def test_scratch_is_no_parent(folder: LibraryFolder) -> None:
    assert list(parents(named("debian", "13"), folder, Selection(), FROMS)) == []


def test_children_are_yielded_level_by_level() -> None:
    assert (
        descend("debian:trixie", Selection())
        == [
            ("debian:trixie-slim", 1),
            ("buildpack-deps:trixie-curl", 1),
            ("buildpack-deps:trixie", 2),
            ("python:3.14-trixie", 3),
            ("hylang:1-python", 4),
            ("hylang:1-windows", 4),
        ][:5]
    )


def test_depth_ends_the_search_for_children() -> None:
    assert descend("debian:trixie", Selection(), 2)[-1] == ("buildpack-deps:trixie", 2)


def test_children_without_a_common_architecture_are_left_out() -> None:
    assert descend("debian:trixie", Selection(Arch.ARM64V8, arch_filter=True))[0] == ("buildpack-deps:trixie-curl", 1)


def test_the_first_of_those_who_share_a_tag_owns_it() -> None:
    assert descend("python:3.14", Selection()) == [("hylang:1-python", 1)]
    assert descend("python:3.14-windows", Selection()) == []


def test_images_of_others_have_children_too() -> None:
    assert descend("mcr.microsoft.com/windows/servercore:ltsc2025", Selection()) == [("python:3.14-windows", 1)]
    assert descend("mcr.microsoft.com/windows/servercore", Selection()) == [("python:3.14-windows", 1)]


def test_a_repository_means_its_images_and_those_that_are_gone() -> None:
    descent = read_descent(LIBRARIES, Selection(), "", FROMS)
    assert find_images(descent, "debian", "") == ["debian:13", "debian:trixie-slim", "debian:jessie"]


def test_a_name_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError, match="`nope` is not in the library"):
        find_images(read_descent(LIBRARIES, Selection(), "", FROMS), "nope", "")


def test_what_is_built_from_itself_is_refused(folder: LibraryFolder) -> None:
    circle = [library("a", "Tags: 1"), library("b", "Tags: 1")]
    froms = facts({"a:1": "b:1", "b:1": "a:1"})
    descent = read_descent(circle, Selection(), "", froms)
    with pytest.raises(InputError, match="built from something that is built from it"):
        list(children(descent, "a:1"))
    for one in circle:
        (folder.root / one.name).write_text(write_library(one))
    with pytest.raises(InputError, match="built from itself"):
        list(parents(Choice(circle[0]), folder, Selection(), froms))
    with pytest.raises(InputError, match=r"no order .* built: (a -> b -> a|b -> a -> b)"):
        build_order([Choice(one) for one in circle], Selection(), "", froms)


def names(choices: list[Choice]) -> list[str]:
    return [choice.library.name for choice in choices]


def test_the_build_order_puts_each_after_what_it_is_built_from() -> None:
    backwards = [Choice(one) for one in reversed(LIBRARIES)]
    ordered = names(build_order(backwards, Selection(), "", FROMS))
    assert ordered == ["odd", "debian", "buildpack-deps", "python", "hylang"]


def test_the_build_order_heeds_names_with_and_without_namespace() -> None:
    froms = facts({"hylang:1-python": "arm64v8/python:3.14"})
    ordered = build_order([named("hylang"), named("python")], Selection(), "arm64v8", froms)
    assert names(ordered) == ["python", "hylang"]


def test_a_repository_named_twice_is_built_once() -> None:
    assert names(build_order([named("python"), named("python")], Selection(), "", FROMS)) == ["python"]


def test_entries_of_one_file_are_ordered_among_themselves() -> None:
    own = library("x", "Tags: full", "Tags: slim\nFile: s")
    ordered = entries_in_build_order(Choice(own), Selection(), "", facts({"x:full": "x:slim"}))
    assert [entry.tags[0] for entry in ordered] == ["slim", "full"]


def test_what_is_named_on_several_architectures_is_named_once() -> None:
    python = named("python").library
    assert images_of(python, python.entries[0], Selection(), FROMS) == ["alpine:3.24", "buildpack-deps:trixie"]
