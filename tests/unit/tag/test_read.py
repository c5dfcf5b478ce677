"""Library files as bashbrew reads them; the faults of one are all told at once."""

from pathlib import PurePosixPath

import pytest
from tests.support.library import COMMIT, COMMON, MAINTAINER, OTHER_COMMIT, library
from tests.support.shared import recorded

from brewhouse.errors import InputError
from brewhouse.library import source_of
from brewhouse.oci.platform import Arch
from brewhouse.tag.read import read_library
from brewhouse.tag.write import write_library


def test_an_entry_has_bashbrews_defaults() -> None:
    (entry,) = library("python", "Tags: 3.14").entries
    assert entry.architectures == (Arch.AMD64,)
    assert (entry.source.git_fetch, entry.source.directory, entry.source.file) == (
        "refs/heads/master",
        ".",
        "Dockerfile",
    )
    assert (entry.source.git_commit, entry.source.builder, entry.shared_tags) == (COMMIT, "", ())


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Tags: 1.0, 1", ("1.0", "1")),
        ("# about\nTags: 1.0, 1 # 1", None),
        ("Tags:1.0,1", ("1.0", "1")),
        ("Tags: 1.0,\n      1", ("1.0", "1")),
        ("Tags: 1.0,\n\t1", ("1.0", "1")),
        ("Tags: 1.0,\n# gone\n      1", ("1.0", "1")),
        ("Tags: 1.0,\n  # gone\n      1", ("1.0", "1")),
        ("Tags: 1.0,\n   \n 1", ("1.0", "1")),
        ("Tags: 1.0,\n .\n 1", ("1.0", "1")),
        ("Tags: 0.9\nTags: 1.0, 1", ("1.0", "1")),
        ("Tags: 1.0, 1   ", ("1.0", "1")),
        ("Tags:\t1.0, 1\t", ("1.0", "1")),
        ("Tags: 1.0, 1\r", ("1.0", "1")),
        ("  # indented\nTags: 1.0, 1\nUnknown: thing", ("1.0", "1")),
    ],
)
def test_lines_are_read_as_bashbrew_reads_them(text: str, tags: tuple[str, ...] | None) -> None:
    content = f"{COMMON}\n{text}".encode()
    if tags is None:
        with pytest.raises(InputError, match="`1 # 1` is not a tag"):
            read_library(content, "python")
    else:
        assert read_library(content, "python").entries[0].tags == tags


@pytest.mark.parametrize("gap", ["\n\n", "\n\n\n\n", "\n\n# comment\n\n", "\r\n\r\n", "\n\n  # comment\n\n\n"])
def test_paragraphs_end_at_empty_lines_however_many(gap: str) -> None:
    text = COMMON.rstrip() + gap + "Tags: 1" + gap + f"Tags: 2\nGitCommit: {OTHER_COMMIT}" + gap
    assert [entry.tags for entry in read_library(text.encode(), "python").entries] == [("1",), ("2",)]


def test_the_last_line_counts_without_a_newline() -> None:
    text = f"Maintainers: {MAINTAINER}\nGitRepo: https://github.com/x/y.git\n\nTags: 1\nGitCommit: {COMMIT}"
    assert read_library(text.encode(), "x").entries[0].source.git_commit == COMMIT


def test_comments_do_not_end_a_paragraph() -> None:
    assert len(library("python", f"Tags: 1\n#\n# note\nGitCommit: {OTHER_COMMIT}").entries) == 1


def test_a_file_with_one_paragraph_has_no_entries() -> None:
    assert library("notary").entries == ()


def test_shared_tags_and_architectures_replace_the_common_ones_and_are_tidied() -> None:
    common = COMMON + "SharedTags: latest\nArchitectures: s390x, amd64\n"
    entries = library(
        "x",
        "Tags: 1\nSharedTags: b, a, b\nArchitectures: ppc64le, amd64, ppc64le",
        f"Tags: 2\nGitCommit: {OTHER_COMMIT}",
        common=common,
    ).entries
    assert [entry.shared_tags for entry in entries] == [("b", "a"), ("latest",)]
    assert [entry.architectures for entry in entries] == [("amd64", "ppc64le"), ("amd64", "s390x")]


def test_empty_lists_leave_the_common_ones() -> None:
    common = COMMON + "SharedTags: latest\nArchitectures: s390x\n"
    (entry,) = library("x", "Tags: 1\nSharedTags:\nArchitectures:", common=common).entries
    assert (entry.shared_tags, entry.architectures) == (("latest",), ("s390x",))


def test_constraints_and_maintainers_are_added_to_the_common_ones() -> None:
    common = COMMON + "Constraints: !aufs\n"
    (entry,) = library("x", "Tags: 1\nConstraints: xfs, !aufs\nMaintainers: Moby (@moby)", common=common).entries
    assert entry.constraints == ("!aufs", "xfs")
    assert entry.maintainers == (MAINTAINER, "Moby (@moby)")


def test_an_architectures_own_fields_win_and_are_inherited() -> None:
    common = COMMON + f"arm64v8-GitCommit: {OTHER_COMMIT}\ns390x-Directory: s390x/\n"
    (entry,) = library(
        "x", "Tags: 1\nDirectory: all\ns390x-Directory:\narm64v8-File: F\nfoo-Builder: classic", common=common
    ).entries
    assert source_of(entry, Arch.ARM64V8).git_commit == OTHER_COMMIT
    assert source_of(entry, Arch.ARM64V8).file == "F"
    assert source_of(entry, Arch.S390X) == entry.source
    assert entry.overrides["foo-Builder"] == "classic"


@pytest.mark.parametrize(
    ("directory", "clean"),
    [("aarch64/", "aarch64"), ("./3.14", "3.14"), ("a//b/../c", "a/c"), (".", "."), ("", "."), ("//x", "/x")],
)
def test_directories_are_cleaned_as_go_cleans_them(directory: str, clean: str) -> None:
    (entry,) = library("x", f"Tags: 1\nDirectory: {directory}\namd64-Directory: {directory}").entries
    assert entry.source.directory == clean
    assert source_of(entry, Arch.AMD64).directory == clean


def test_directories_of_2019_are_not_cleaned() -> None:
    content = f"{COMMON}\nTags: 1\nDirectory: x86_64/\narm64v8-Directory: aarch64/".encode()
    (entry,) = read_library(content, "alpine", clean_directories=False).entries
    assert (entry.source.directory, entry.overrides["arm64v8-Directory"]) == ("x86_64/", "aarch64/")


def test_entries_with_the_same_build_inputs_become_one() -> None:
    entries = library(
        "x", "Tags: 1.5.3\nSharedTags: a, b", f"Tags: 2\nGitCommit: {OTHER_COMMIT}", "Tags: 1.5\nSharedTags: b, c"
    ).entries
    assert [(entry.tags, entry.shared_tags) for entry in entries] == [
        (("1.5.3", "1.5"), ("a", "b", "c")),
        (("2",), ()),
    ]


def test_entries_that_differ_in_anything_that_is_built_stay_apart() -> None:
    different = ["Directory: d", "File: f", "Builder: classic", "Constraints: c", "Architectures: s390x", "a-File: f"]
    paragraphs = [f"Tags: {number}\n{line}" for number, line in enumerate(different)]
    assert len(library("x", "Tags: plain", *paragraphs).entries) == len(different) + 1


BAD = [
    (f"{COMMON}\nTags 3.14", 5, "`Tags 3.14` has no colon"),
    (f"{COMMON}\n\n 3.14", 6, "`3.14` continues nothing"),
    (f"{COMMON}\nTags: 3.14\nArchitectures: amd64, x86", 6, "`x86` is not an architecture"),
    (f"{COMMON}\nTags: 3.14, 3.14", 5, "tag `3.14` is used twice"),
    (f"{COMMON}\nTags: 3.14\n\nTags: 3.14\nFile: F", 7, "tag `3.14` is used twice"),
    (f"{COMMON}\nTags: 3.14\n\nTags: 3\nSharedTags: 3.14\nFile: F", 8, "shared tag `3.14` is also a tag"),
    (f"{COMMON}\nTags: 2\nSharedTags: 3\n\nTags: 3\nFile: F", 6, "shared tag `3` is also a tag"),
    (f"{COMMON}\nTags: 3.14\nGitCommit: master", 6, "`master` is not a commit"),
    (f"{COMMON}\nTags: 3.14\nGitCommit: {COMMIT[:39]}", 6, "is not a commit"),
    (f"{COMMON}\nTags: 3.14\narm64v8-GitCommit: HEAD", 6, "`HEAD` is not a commit"),
    (f"{COMMON}\nTags: 3.14\nGitFetch: master", 6, "`master` is not a ref"),
    (f"{COMMON}\nTags: 3.14\ns390x-GitFetch: refs/heads/*", 6, "is not a ref"),
    (f"{COMMON}\nTags: 3.14\nGitRepo:", 6, "an entry has no `GitRepo`"),
    (f"{COMMON}\nSharedTags: latest", 5, "an entry has no `Tags`"),
    (f"{COMMON}\nTags: -3", 5, "`-3` is not a tag"),
    (f"{COMMON}\nTags: {'x' * 129}", 5, "is not a tag"),
    (f"{COMMON}\nTags: größe", 5, "`größe` is not a tag"),
    (f"{COMMON}\nTags: 3.14,, 3", 5, "`Tags` has an empty item"),
    (f"{COMMON}Tags: 3.14", 4, "`Tags` stand in the first paragraph"),
    ("GitRepo: https://x.org/y.git", 1, "the first paragraph has no `Maintainers`"),
    ("", 1, "the first paragraph has no `Maintainers`"),
    ("\n\n# nothing\n", 1, "the first paragraph has no `Maintainers`"),
    ("Maintainers: Tianon Gravi", 1, "`Tianon Gravi` is not a maintainer"),
    ("Maintainers: Tianon <mail>", 1, "`Tianon <mail>` is not a maintainer"),
    (f"{COMMON}\nTags: 1\nMaintainers: nobody", 6, "`nobody` is not a maintainer"),
]


@pytest.mark.parametrize(("text", "line", "message"), BAD)
def test_a_fault_is_told_with_its_line_and_the_accepted_form(text: str, line: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_library(text.encode(), "python", where="library/python")
    assert caught.value.message.startswith(f"library/python:{line}: ")
    assert message in caught.value.message
    assert caught.value.hint


def test_all_faults_of_a_file_are_told_at_once_in_the_order_of_its_lines() -> None:
    text = f"Maintainers: nobody\nGitCommit: {COMMIT}\n\nTags: a b\nnonsense\n\nTags: 2\nArchitectures: vax"
    with pytest.raises(InputError) as caught:
        read_library(text.encode(), "x")
    head, *faults = caught.value.message.split("\n")
    assert head == "x has 6 faults"
    assert [fault.partition(": ")[0] for fault in faults] == ["x:1", "x:4", "x:4", "x:5", "x:7", "x:8"]
    assert all("; " in fault for fault in faults)


def test_bytes_that_are_not_utf8_are_told_with_their_line() -> None:
    with pytest.raises(InputError, match=r"x:5: byte \d+ is not UTF-8"):
        read_library(f"{COMMON}\nTags: ".encode() + b"\xff", "x")


@pytest.mark.parametrize("maintainer", ["TBD (@docker)", "Tomáš Virtus <t@c.com> (@woky)", "A <https://x.org> (@a-b)"])
def test_maintainers_may_have_no_mail_or_a_url(maintainer: str) -> None:
    assert library("x", common=f"Maintainers: {maintainer}").common.maintainers == (maintainer,)


def test_every_recorded_library_file_is_read_and_reads_back_the_same() -> None:
    paths = sorted(recorded("docs-2026-08-21/library").iterdir())
    libraries = [read_library(path.read_bytes(), path.name) for path in paths]
    assert sum(len(one.entries) for one in libraries) == 2121
    assert [one.name for one in libraries if not one.entries] == [
        *("clefos", "gazebo", "mongo-express", "notary", "php-zendserver", "plone", "unit"),
    ]
    for one in libraries:
        assert read_library(write_library(one).encode(), one.name) == one


@pytest.mark.parametrize("name", ["alpine", "almalinux", "alt", "fedora"])
def test_recorded_directories_with_a_slash_at_the_end_lose_it(name: str) -> None:
    path = recorded("docs-2026-08-21/library") / name
    for entry in read_library(path.read_bytes(), name).entries:
        for arch in entry.architectures:
            directory = source_of(entry, arch).directory
            assert directory == str(PurePosixPath(directory))
