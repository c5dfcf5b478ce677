import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from brewhouse.system.store.disk import new_folder, remove_tree, whole_file

LONGEST_NAME = "n" * 255
KILLED = """
import os, signal, sys
from pathlib import Path
from brewhouse.system.store.disk import whole_file
with whole_file(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def make_deep(folder: Path, levels: int) -> None:
    """Make folders below each other, deeper than any path can say."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("deep", dir_fd=here)
        below = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def test_a_folder_is_removed_with_all_in_it(tmp_path: Path) -> None:
    folder = new_folder(tmp_path, "work")
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "file").touch()
    (folder / "empty").mkdir()
    os.mkfifo(folder / "pipe")
    remove_tree(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("levels", [1, 300, 3000])
def test_depth_does_not_matter(levels: int, tmp_path: Path) -> None:
    folder = new_folder(tmp_path, "work")
    make_deep(folder, levels)
    remove_tree(folder)
    assert list(tmp_path.iterdir()) == []


def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    (outside := tmp_path / "outside").mkdir()
    (outside / "file").touch()
    (link := tmp_path / "link").symlink_to(outside)
    folder = new_folder(tmp_path, "work")
    (folder / "inner").symlink_to(outside)
    for path in (folder, link):
        remove_tree(path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "outside"]


def test_folders_that_are_closed_are_opened_first(tmp_path: Path) -> None:
    folder = new_folder(tmp_path, "work")
    (folder / "closed" / "inner").mkdir(parents=True)
    (folder / "closed").chmod(0o000)
    remove_tree(folder)
    assert not folder.exists()


def test_a_file_is_removed_and_what_is_gone_is_no_fault(tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    remove_tree(file)
    remove_tree(file)
    assert list(tmp_path.iterdir()) == []


def test_a_file_takes_the_place_of_another_when_it_is_whole(tmp_path: Path) -> None:
    (path := tmp_path / LONGEST_NAME).write_text("old")
    with whole_file(path, 0o600) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_finished_changes_nothing(tmp_path: Path) -> None:
    (path := tmp_path / "file").write_text("old")

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), whole_file(path) as file:
        file.writelines(broken())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_process_that_is_killed_leaves_nothing_beside_its_file(tmp_path: Path) -> None:
    (path := tmp_path / "file").write_text("old")
    ran = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert ran.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
