"""Limits of memory and processors that steps of a build have."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conformance.bases import BUSYBOX
from tests.support.program import Program, Ran
from tests.support.sandbox import reason

GROUPS = Path("/sys/fs/cgroup")
WAIT_SECONDS = 30
BIG = f"FROM {BUSYBOX}\nRUN dd if=/dev/zero of=/dev/null bs=64M count=1\n"


def find_root() -> Path | None:
    """Return where groups that limit memory are made, None where this process may make none."""
    legacy = GROUPS / "memory"
    root = legacy if legacy.is_dir() else GROUPS
    has_memory = legacy.is_dir() or "memory" in _read(GROUPS / "cgroup.controllers").split()
    return root if has_memory and os.access(root, os.W_OK) and os.geteuid() == 0 else None


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


ROOT = find_root()
pytestmark = [
    pytest.mark.skipif(bool(reason), reason=reason),
    pytest.mark.skipif(ROOT is None, reason="only root makes control groups, on a machine that has them"),
    pytest.mark.usefixtures("busybox"),
]


def build(program: Program, dockerfile: str, *options: str) -> Ran:
    return program.run("build", "--progress", "plain", *options, "-", stdin=dockerfile.encode())


def test_a_step_that_takes_more_memory_than_it_may_is_killed(program: Program) -> None:
    ran = build(program, BIG, "--memory", "24m", "--memory-swap", "24m")
    assert (ran.status, "exit code: 137" in ran.stderr) == (1, True), ran.stderr


def test_limits_do_not_decide_what_the_cache_knows(program: Program) -> None:
    assert build(program, BIG, "-m", "512m", "-c=512", "--cpu-period=50000", "--cpu-quota=40000").status == 0
    ran = build(program, BIG)
    assert (ran.status, "CACHED" in ran.stderr) == (0, True), ran.stderr


def test_a_step_sees_the_processors_that_it_may_use(program: Program) -> None:
    ran = build(program, f'FROM {BUSYBOX}\nRUN [ "$(nproc)" = 1 ]\n', "--cpuset-cpus", "0", "--cpuset-mems=0")
    assert ran.status == 0, ran.stderr


def test_steps_run_below_the_group_that_is_named_which_is_gone_afterwards(program: Program) -> None:
    assert ROOT is not None
    name = f"brewhouse-test-{os.getpid()}"
    with in_step(program, ROOT / name / "builds") as process:
        assert not process.wait(WAIT_SECONDS)
    assert not (ROOT / name).exists()


def test_groups_of_builds_that_were_killed_are_removed_by_the_next(program: Program) -> None:
    assert ROOT is not None
    parent = ROOT / f"brewhouse-killed-{os.getpid()}"
    with in_step(program, parent) as process:
        process.kill()
    assert len(list(parent.glob("step-*"))) == 1
    with in_step(program, parent) as process:
        assert not process.wait(WAIT_SECONDS)
    assert list(parent.glob("step-*")) == []
    for group in GROUPS.glob(f"*/{parent.name}"):
        group.rmdir()


@contextmanager
def in_step(program: Program, parent: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a build whose step runs in a group below `parent`."""
    assert ROOT is not None
    words = program.words("build", "--cgroup-parent", f"/{parent.relative_to(ROOT)}", "-")
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        process.stdin.write(f"FROM {BUSYBOX}\nRUN sleep 2\n".encode())
        process.stdin.close()
        end = time.monotonic() + WAIT_SECONDS
        while not any(map(_read, parent.glob("*/cgroup.procs"))):
            assert time.monotonic() < end
            time.sleep(0.01)
        yield process
