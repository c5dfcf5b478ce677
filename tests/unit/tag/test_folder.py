"""What an argument names: a file of the library folder, a path, a URL, one tag."""

from pathlib import Path

import pytest
from tests.support.library import COMMON, OTHER_COMMIT

from brewhouse.errors import InputError
from brewhouse.tag.folder import LibraryFolder, find_choice

PYTHON = (
    f"{COMMON}\nTags: 3.14-trixie\nSharedTags: 3.14\n\nTags: 3.14-windows\nSharedTags: 3.14\nGitCommit: {OTHER_COMMIT}"
)


@pytest.fixture
def folder(tmp_path: Path) -> LibraryFolder:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "python").write_text(PYTHON)
    (tmp_path / "library" / ".hidden").write_text("")
    (tmp_path / "library" / "notary").write_text(COMMON)
    (tmp_path / "elsewhere").write_text(PYTHON.replace("3.14", "3.99"))
    return LibraryFolder(tmp_path / "library")


def no_download(url: str) -> bytes:
    raise AssertionError(url)


@pytest.mark.parametrize(
    ("argument", "firsts"),
    [
        ("python", ["3.14-trixie", "3.14-windows"]),
        ("python:3.14-trixie", ["3.14-trixie"]),
        ("python:3.14", ["3.14-trixie", "3.14-windows"]),
        ("notary", []),
    ],
)
def test_a_name_means_the_file_of_the_folder_and_a_tag_its_entries(
    folder: LibraryFolder, argument: str, firsts: list[str]
) -> None:
    assert [entry.tags[0] for entry in find_choice(argument, folder, no_download).entries] == firsts


def test_an_argument_with_a_slash_is_a_path(folder: LibraryFolder) -> None:
    choice = find_choice(f"{folder.root.parent}/elsewhere:3.99", folder, no_download)
    assert (choice.library.name, choice.tag, len(choice.entries)) == ("elsewhere", "3.99", 2)


def test_a_url_is_fetched_and_named_after_its_last_part(folder: LibraryFolder) -> None:
    asked = []

    def download(url: str) -> bytes:
        asked.append(url)
        return PYTHON.encode()

    choice = find_choice("https://example.org/library/bash:3.14", folder, download)
    assert asked == ["https://example.org/library/bash"]
    assert (choice.library.name, choice.tag) == ("bash", "3.14")


@pytest.mark.parametrize(
    ("argument", "message", "hint"),
    [
        ("python3", "there is no library file `python3`", "there is `python`"),
        ("zzz", "there is no library file `zzz`", "name the folder with --library"),
        ("./python", "there is no library file `./python`", ""),
        ("python:3.15", "`python` has no tag `3.15`", "there is `3.14`"),
    ],
)
def test_what_is_not_there_is_named_with_what_is_like_it(
    folder: LibraryFolder, argument: str, message: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.root.parent)
    if argument == "./python":
        (folder.root / "python").unlink()
    with pytest.raises(InputError) as caught:
        find_choice(argument, folder, no_download)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_names_are_sorted_without_hidden_files(folder: LibraryFolder) -> None:
    assert folder.names() == ["notary", "python"]
    assert [library.name for library in folder.all()] == ["notary", "python"]


def test_readable_files_are_given_although_others_are_wrong(folder: LibraryFolder) -> None:
    (folder.root / "bad").write_text("oops")
    assert [library.name for library in folder.readable(["bad", "gone", "python"])] == ["python"]


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(InputError, match="there is no folder nowhere"):
        LibraryFolder(Path("nowhere")).names()
