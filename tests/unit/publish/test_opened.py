"""Layouts in folders that are nobody's store."""

import signal
import subprocess
import sys
from pathlib import Path

from brewhouse.publish.opened import open_folder

OWN = {"blobs", "index.json", "oci-layout"}
KILLED = """
import os, signal, sys
from pathlib import Path
from brewhouse.publish.opened import open_folder
with open_folder(Path(sys.argv[1]), is_new=True) as layout:
    (layout.tmp / "half").touch()
    layout.change_index(lambda index: os.kill(os.getpid(), signal.SIGKILL))
"""


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_nothing_but_the_layout_is_left(tmp_path: Path) -> None:
    with open_folder(tmp_path, is_new=True) as layout:
        layout.change_index(lambda index: index)
    assert names(tmp_path) == OWN


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert ran.returncode == -signal.SIGKILL
    assert names(tmp_path) > OWN
    with open_folder(tmp_path, is_new=True):
        pass
    assert names(tmp_path) == OWN


def test_of_two_who_write_to_one_layout_neither_takes_what_the_other_needs(tmp_path: Path) -> None:
    with open_folder(tmp_path, is_new=True) as first:
        first.change_index(lambda index: index)
        with open_folder(tmp_path, is_new=True) as second:
            assert first.tmp.is_dir()
        assert not second.tmp.exists()
        assert first.tmp.is_dir()
        assert (tmp_path / "index.lock").exists()
    assert names(tmp_path) == OWN
