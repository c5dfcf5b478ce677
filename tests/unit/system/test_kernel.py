"""Calls of Linux: what they leave on the file system."""

from pathlib import Path

import pytest

from brewhouse.system.kernel import spread_folders
from brewhouse.system.run import run


def _flags(path: Path) -> str:
    return run(["lsattr", "-d", path]).stdout.decode().partition(" ")[0]


def test_new_folders_are_spread_where_the_file_system_is_ext4(tmp_path: Path) -> None:
    if run(["stat", "-f", "-c", "%T", tmp_path]).stdout.strip() != b"ext2/ext3":
        pytest.skip("the temporary folder is not on ext4, which alone knows the flag")
    before = _flags(tmp_path)
    spread_folders(tmp_path)
    assert _flags(tmp_path).replace("T", "-") == before
    assert "T" in _flags(tmp_path)
    (tmp_path / "below").mkdir()
    assert "T" not in _flags(tmp_path / "below")


def test_a_file_system_without_such_a_flag_is_left_alone() -> None:
    folder = Path("/proc/self")
    before = folder.stat()
    spread_folders(folder)
    assert folder.stat().st_mode == before.st_mode
