"""Processes killed at random moments, and disks that are full, leave a whole store."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.program import Program
from tests.support.shared import ROOT
from tests.support.store import check_store, files, make_image

from brewhouse.build.layer import pack_layer
from brewhouse.errors import HostError
from brewhouse.system import kernel
from brewhouse.system.store.layout import open_layout

KILLS = 15

# What each process does over and over, until it is killed.
WORK = {
    "pack": "make_image(layout, [f'packed:{turn % 3}'], [[*files(turn=str(turn)), *large(turn)]])",
    "ingest": "content = os.urandom(3_000_000); descriptor = Descriptor('x', digest_of(content), len(content)); "
    "layout.ingest(io.BytesIO(content), descriptor)",
    "tag": "layout.tag([f'name:{turn % 7}'], layout.index().manifests[0]); layout.untag(f'name:{(turn + 3) % 7}')",
    "unpack": "image = layout.image(layout.index().manifests[0]); Snapshots(layout).ensure(image); "
    "remove_tree(layout.snapshots.joinpath(hex_part(image.config.value.rootfs.diff_ids[0])).rename(layout.tmp / 'x'))",
    "prune": "make_image(layout, [], [files(turn=str(turn))]); remove_garbage(layout)",
}
PROGRAM = """
import io, itertools, os, sys
from pathlib import Path
from brewhouse.build.layer import Member
from brewhouse.oci.digest import digest_of, hex_part
from brewhouse.oci.document import Descriptor
from brewhouse.system.store.disk import remove_tree
from brewhouse.system.store.layout import open_layout
from brewhouse.system.store.prune import remove_garbage
from brewhouse.system.store.snapshot import Snapshots
from brewhouse.system.archive.tar import Entry
from tests.support.store import files, make_image

def large(turn):
    return [Member(Entry("large", size=3_000_000), os.urandom(3_000_000))]

print("ready", flush=True)
for turn in itertools.count():
    with open_layout(Path(sys.argv[1])) as layout:
        WORK
"""


@pytest.mark.parametrize("work", WORK)
def test_a_process_killed_at_any_moment_leaves_a_whole_store(work: str, tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        make_image(layout, ["base:1"], [files(**{f"file{number}": "x" * 1000 for number in range(200)})])
    chance = random.Random(work)  # noqa: S311 - moments, not secrets
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM.replace("WORK", WORK[work]), str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0, 0.15))
            os.killpg(process.pid, signal.SIGKILL)
        assert "base:1" in {
            entry.annotations.get("org.opencontainers.image.ref.name") for entry in check_store(tmp_path).manifests
        }
    with open_layout(tmp_path) as layout:
        assert [path.name for path in layout.tmp.parent.iterdir()] == [layout.tmp.name]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    (disk := tmp_path / "disk").mkdir()
    kernel.mount("tmpfs", disk, "tmpfs", options="size=4m")
    yield disk
    kernel.unmount(disk)


def test_a_full_disk_is_one_line_with_a_hint_and_leaves_a_whole_store(small_disk: Path, tmp_path: Path) -> None:
    (upper := tmp_path / "upper").mkdir()
    (upper / "noise").write_bytes(os.urandom(8_000_000))
    with open_layout(small_disk) as layout:
        make_image(layout, ["base:1"], [files(a="x")])
    with (
        pytest.raises(HostError, match=f"no space left for the store {small_disk}") as caught,
        open_layout(small_disk) as layout,
    ):
        pack_layer(upper, layout)
    assert caught.value.hint == "free some, or run: brewhouse prune"
    assert len(check_store(small_disk).manifests) == 1
    with open_layout(small_disk) as layout:
        make_image(layout, ["after:1"], [files(a="y")])
    assert len(check_store(small_disk).manifests) == 2


@pytest.mark.parametrize(
    ("output", "problem", "mend"),
    [
        ("{}/tree", "no space left for {}/tree", "free some, or choose another place"),
        ("type=tar,dest={}/tar", "cannot write {}/tar: No space left on device", "choose another place: --output"),
    ],
)
def test_a_full_disk_under_an_output_is_not_taken_for_the_store(
    small_disk: Path, program: Program, context: Path, output: str, problem: str, mend: str
) -> None:
    (context / "noise").write_bytes(os.urandom(8_000_000))
    (context / "Dockerfile").write_text("FROM scratch\nCOPY noise /\nWORKDIR /w\n")
    ran = program.run("build", "--output", output.format(small_disk), context)
    assert ran.status == HostError("").exit_status
    error, _, hint = ran.stderr.splitlines()[-3:]
    assert error == f"error: {problem.format(small_disk)}"
    assert hint.startswith(f"hint: {mend}")
    check_store(program.store)
