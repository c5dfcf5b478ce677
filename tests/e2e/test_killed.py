"""A brew that is killed leaves a whole store, and the same command goes on."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.support.network import need_mirror
from tests.support.program import Program
from tests.support.store import check_store

IMAGE = "debian:trixie-slim"

# A run of its own takes more: the number of kills is for the clock of continuous integration.
KILLS = int(os.environ.get("BREWHOUSE_TEST_KILLS", "5"))


@pytest.mark.slow
def test_killed_at_random_moments_a_brew_is_repeated_to_the_same_digest(tmp_path: Path) -> None:
    need_mirror()
    whole = Program(tmp_path / "whole")
    start = time.monotonic()
    whole.do("--progress", "quiet", "brew", IMAGE)
    seconds = time.monotonic() - start
    moments = random.Random(7)  # noqa: S311 - no secret, the same moments each time
    for number in range(KILLS):
        killed = Program(tmp_path / f"killed-{number}")
        _kill_after(killed, moments.uniform(0.05, seconds))
        if (killed.store / "index.json").exists():  # else it was killed before there was a store
            check_store(killed.store)
        killed.do("--progress", "quiet", "brew", IMAGE)
        check_store(killed.store)
        assert killed.digest(IMAGE) == whole.digest(IMAGE)


def _kill_after(program: Program, seconds: float) -> None:
    """Start a brew, and kill it and nothing else after a while; what it started must end with it."""
    words = program.words("--progress", "quiet", "brew", IMAGE)
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    mounts = Path("/proc/self/mounts").read_text()
    assert str(program.store) not in mounts
