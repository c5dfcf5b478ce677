import os
from pathlib import Path

import pytest

from brewhouse.build.clamp import Clamp
from brewhouse.build.windows.capture import drive_members, pack_drive
from brewhouse.errors import BrewError
from brewhouse.system.archive.whiteout import opaque_attribute
from brewhouse.system.store.layout import open_layout

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes overlay's marks")
EPOCH = 1_700_000_000


def write(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def packed(upper: Path, *lowers: Path) -> list[str]:
    return [member.entry.name for member in drive_members(upper, lowers, EPOCH)][2:]


def test_what_changed_stands_below_files_with_all_its_folders(tmp_path: Path) -> None:
    upper = write(tmp_path / "upper", "Python/Lib/x.py", "users/ContainerAdministrator/y")
    assert packed(upper) == [
        "Files/Python",
        "Files/Python/Lib",
        "Files/Python/Lib/x.py",
        "Files/Users",
        "Files/Users/ContainerAdministrator",
        "Files/Users/ContainerAdministrator/y",
    ]


def test_what_is_wines_or_temporary_is_left_out(tmp_path: Path) -> None:
    upper = write(tmp_path / "upper", "windows/temp/x", "users/ContainerAdministrator/AppData/Local/Temp/x", "y")
    assert [name for name in packed(upper) if name.endswith(("x", "y"))] == ["Files/y"]


@needs_root
def test_removals_are_written_out(tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    upper.mkdir()
    os.mknod(upper / "old.txt", 0o020000, os.makedev(0, 0))
    assert packed(upper) == ["Files/.wh.old.txt"]


@needs_root
def test_a_folder_that_hides_all_below_it_removes_its_files_one_by_one(tmp_path: Path) -> None:
    first = write(tmp_path / "first", "a/kept", "a/gone", "a/sub/gone", "a/sub/again", "a/before")
    second = write(tmp_path / "second", "a/later")
    os.mknod(second / "a" / "before", 0o020000, os.makedev(0, 0))
    upper = write(tmp_path / "upper", "a/kept", "a/sub/again")
    os.setxattr(upper / "a", opaque_attribute(), b"y")
    assert packed(upper, first, second) == [
        "Files/a",
        "Files/a/.wh.gone",
        "Files/a/.wh.later",
        "Files/a/kept",
        "Files/a/sub",
        "Files/a/sub/.wh.gone",
        "Files/a/sub/again",
    ]


@needs_root
def test_a_name_removed_and_made_again_in_another_spelling_is_one_name_to_windows(tmp_path: Path) -> None:
    lower = write(tmp_path / "lower", "lib/old", "lib/kept", "read.me")
    upper = write(tmp_path / "upper", "LIB/KEPT", "LIB/new", "READ.ME")
    for name in ("lib", "read.me"):
        os.mknod(upper / name, 0o020000, os.makedev(0, 0))
    assert packed(upper, lower) == [
        "Files/LIB",
        "Files/LIB/.wh.old",
        "Files/LIB/KEPT",
        "Files/LIB/new",
        "Files/READ.ME",
    ]


def test_links_are_written_as_windows_has_them(tmp_path: Path) -> None:
    upper = write(tmp_path / "upper", "Python/Lib/x.py")
    (upper / "Python" / "library").symlink_to("Lib")
    (upper / "whole").symlink_to("/wine/drive_c/Python/Lib/x.py")
    found = {member.entry.name: member.entry for member in drive_members(upper, [], EPOCH)}
    assert found["Files/Python/library"].linkname == "Lib"
    assert found["Files/Python/library"].records["MSWINDOWS.fileattr"] == b"1040"
    assert found["Files/whole"].linkname == "C:\\Python\\Lib\\x.py"
    assert found["Files/whole"].records["MSWINDOWS.fileattr"] == b"1056"


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        (("a", "A"), "the same name"),
        (("a:b",), "':' in a name"),
        (("windows/x.dll",), r"changed C:\\windows\\x.dll"),
    ],
)
def test_a_layer_that_windows_would_refuse_is_not_made(tmp_path: Path, names: tuple[str, ...], fault: str) -> None:
    upper = write(tmp_path / "upper", *names)
    with open_layout(tmp_path / "store") as layout, pytest.raises(BrewError, match=fault):
        pack_drive(upper, [], layout, Clamp(EPOCH, EPOCH * 10**9))
