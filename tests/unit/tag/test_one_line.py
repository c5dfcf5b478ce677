"""The one-line format of library files, which was written until about 2021."""

import pytest
from tests.support.library import COMMIT
from tests.support.shared import recorded

from brewhouse.errors import InputError
from brewhouse.tag.read import read_library

HEAD = "# maintainer: InfoSiftr <github@infosiftr.com> (@infosiftr)\n# maintainer: John Smith (@example-jsmith)\n"


def test_lines_with_the_same_source_become_one_entry() -> None:
    library = read_library(
        f"{HEAD}\n# first\n3.4: https://x.org/y@{COMMIT} d\n3.4.0: https://x.org/y@{COMMIT} d\n".encode(), "y"
    )
    assert library.common.maintainers == (
        "InfoSiftr <github@infosiftr.com> (@infosiftr)",
        "John Smith (@example-jsmith)",
    )
    (entry,) = library.entries
    assert entry.tags == ("3.4", "3.4.0")
    assert (entry.source.git_repo, entry.source.git_commit, entry.source.directory) == ("https://x.org/y", COMMIT, "d")
    assert entry.source.git_fetch == "refs/heads/*"


def test_a_commit_that_is_no_hash_is_a_git_tag() -> None:
    library = read_library(f"{HEAD}latest: git://x.org/y@v1.2\n1: git://x.org/y@v1.2 sub\n".encode(), "y")
    sources = [entry.source for entry in library.entries]
    assert [(source.git_fetch, source.git_commit) for source in sources] == [("refs/tags/v1.2", "FETCH_HEAD")] * 2
    assert [source.directory for source in sources] == [".", "sub"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("latest", "x:3: `latest` is not a one-line entry"),
        ("latest: repo", "x:3: `latest: repo` is not a one-line entry"),
        ("latest: @abc", "x:3: `latest: @abc` is not a one-line entry"),
        (f"1: r@{COMMIT}\n1: r@{COMMIT} d", "x:4: tag `1` is used twice"),
    ],
)
def test_a_fault_is_told_with_its_line(line: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_library(f"{HEAD}{line}\n".encode(), "x")
    assert caught.value.message == message


def test_a_maintainer_in_a_comment_must_be_written_right() -> None:
    with pytest.raises(InputError, match="x:1: `nobody` is not a maintainer"):
        read_library(f"# maintainer: nobody\n1: r@{COMMIT}\n".encode(), "x")


def test_a_wrong_file_with_paragraphs_is_not_taken_for_one_line_entries() -> None:
    with pytest.raises(InputError, match="x:3: `oops` has no colon"):
        read_library(b"Maintainers: M (@m)\n\noops", "x")


def test_the_recorded_files_of_2018_have_paragraphs_and_are_read() -> None:
    for path in recorded("seed-2019-01/library").iterdir():
        assert read_library(path.read_bytes(), path.name, clean_directories=False).entries
