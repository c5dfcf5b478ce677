"""Memory does not grow with the number of files: not while they are looked at, copied, compared, packed and removed."""

import subprocess
import sys
from pathlib import Path

import pytest

FILES = 8_000
# The name of each, and a place in the list of names of its folder.
MOST_BYTES_EACH = 400

PROGRAM = """
import sys, time
from pathlib import Path
from brewhouse.build.cache.files import FileDigests
from brewhouse.build.files.content import Room, content_digest
from brewhouse.build.files.copy import Manner, Target
from brewhouse.build.files.walk import Choice, Selection, Tree
from brewhouse.build.layer import layer_tar
from brewhouse.build.unchanged import drop_unchanged
from brewhouse.system.store.disk import remove_tree
from brewhouse.system.store.layout import open_layout

def work(context, upper, layout):
    selection = Selection(Tree(context, is_owned=False), context, Choice())
    digests = FileDigests(layout, time.time_ns() + 10**12)
    content_digest(selection, digests, Room(context))
    upper.mkdir()
    Target(upper, Manner()).put(selection, upper)
    drop_unchanged(upper, context.parent / "few")
    for _ in layer_tar(upper):
        pass
    remove_tree(upper)
    (peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(peak) << 10

top = Path(sys.argv[1])
with open_layout(top / "store") as layout:
    few = work(top / "few", top / "upper", layout)
    print(work(top / "many", top / "upper", layout) - few)
"""


@pytest.mark.parametrize("in_one_folder", [100, FILES])
def test_many_files_take_little_more_memory_than_few(tmp_path: Path, in_one_folder: int) -> None:
    for name, count in (("few", 100), ("many", FILES)):
        for number in range(count):
            folder = tmp_path / name / f"f{number // in_one_folder}"
            if number % in_one_folder == 0:
                folder.mkdir(parents=True)
            (folder / f"{number:060}").touch()
    done = subprocess.run([sys.executable, "-c", PROGRAM, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MOST_BYTES_EACH * FILES
