"""The canonical form of library files, as `bashbrew cat` prints it."""

import pytest
from tests.support.library import COMMIT, COMMON, MAINTAINER, OTHER_COMMIT, library

from brewhouse.library import shared_tag_groups
from brewhouse.tag.read import read_library
from brewhouse.tag.write import write_library, write_whole_entry

GO = f"""\
# about go

\t# indented

Maintainers: InfoSiftr <github@infosiftr.com> (@infosiftr),
             Johan Euphrosine <proppy@google.com> (@proppy)
GitRepo: https://github.com/docker-library/golang.git
GitFetch: refs/heads/master
SharedTags: latest

# Go 1.6
Tags: 1.6.1, 1.6, 1
GitCommit: {COMMIT}
Directory: 1.6
Constraints: some-random-build-server


Tags: 1.5.3
SharedTags: 1.5.3-debian, 1.5-debian
GitCommit: {OTHER_COMMIT}
Directory: 1.5

Tags: 1.5
SharedTags: 1.5-debian
GitCommit: {OTHER_COMMIT}
Directory: 1.5
"""


def test_the_canonical_form_has_no_defaults_and_repeats_nothing_that_is_common() -> None:
    assert write_library(read_library(GO.encode(), "golang")) == (
        "Maintainers: InfoSiftr <github@infosiftr.com> (@infosiftr), Johan Euphrosine <proppy@google.com> (@proppy)\n"
        "SharedTags: latest\n"
        "GitRepo: https://github.com/docker-library/golang.git\n"
        "\n"
        "Tags: 1.6.1, 1.6, 1\n"
        f"GitCommit: {COMMIT}\n"
        "Directory: 1.6\n"
        "Constraints: some-random-build-server\n"
        "\n"
        "Tags: 1.5.3, 1.5\n"
        "SharedTags: 1.5.3-debian, 1.5-debian\n"
        f"GitCommit: {OTHER_COMMIT}\n"
        "Directory: 1.5\n"
    )


def test_shared_tags_with_the_same_entries_are_a_group_in_the_order_of_their_first_appearance() -> None:
    text = GO.replace("SharedTags: 1.5.3-debian", "SharedTags: latest, 1.5.3-debian")
    groups = shared_tag_groups(read_library(text.encode(), "golang"))
    assert [(group.shared_tags, [entry.tags for entry in group.entries]) for group in groups] == [
        (("latest",), [("1.6.1", "1.6", "1"), ("1.5.3", "1.5")]),
        (("1.5.3-debian", "1.5-debian"), [("1.5.3", "1.5")]),
    ]


def test_fields_stand_in_bashbrews_order_and_overrides_are_sorted() -> None:
    entry = (
        "Tags: 1\nBuilder: classic\nConstraints: c\ns390x-File: F\narm64v8-GitCommit: "
        f"{OTHER_COMMIT}\nFile: Dockerfile.x\nArchitectures: s390x, arm64v8\nGitFetch: refs/tags/v1"
    )
    text = write_library(library("x", entry)).split("\n\n")[1]
    assert [line.partition(":")[0] for line in text.splitlines()] == [
        *("Tags", "Architectures", "GitFetch", "File", "Builder"),
        *("arm64v8-GitCommit", "s390x-File", "Constraints"),
    ]


@pytest.mark.parametrize("line", ["Builder:", "amd64-File:"])
def test_an_entry_that_takes_a_common_value_back_says_so(line: str) -> None:
    common = COMMON + "Builder: buildkit\namd64-File: F\n"
    written = write_library(library("x", f"Tags: 1\n{line}", common=common))
    assert f"\n\nTags: 1\n{line}\n" in written
    assert read_library(written.encode(), "x") == library("x", f"Tags: 1\n{line}", common=common)


def test_a_whole_entry_has_all_that_it_inherits() -> None:
    (entry,) = library("python", "Tags: 3.14-trixie, 3.14\nDirectory: 3.14/trixie").entries
    assert write_whole_entry(entry) == (
        f"Maintainers: {MAINTAINER}\n"
        "Tags: 3.14-trixie, 3.14\n"
        "Architectures: amd64\n"
        "GitRepo: https://github.com/docker-library/python.git\n"
        "GitFetch: refs/heads/master\n"
        f"GitCommit: {COMMIT}\n"
        "Directory: 3.14/trixie\n"
        "File: Dockerfile"
    )
