"""Running commands in turns, and printing what came of it."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.peers import unmount_below

Work = Callable[[], object]


def in_turns(works: Mapping[str, tuple[Work, Work]], repeat: int) -> dict[str, list[float]]:
    """Return the seconds that each work took, `repeat` times in turns; the first function of a pair is not timed."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(repeat):
        for name, (prepare, work) in works.items():
            prepare()
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
            print(f"  {number + 1}/{repeat} {name}: {seconds[name][-1]:.3f} s", file=sys.stderr)
    return seconds


def show(seconds: Mapping[str, Sequence[float]], ours: str) -> None:
    """Print a row for each: median, range, and the median of the ratios ours/theirs of each turn."""
    print(f"{'':28}{'median s':>10}{'min-max':>18}{'ours/this':>12}")
    for name, values in seconds.items():
        ratios = [mine / theirs for mine, theirs in zip(seconds[ours], values, strict=True)]
        bounds = f"{min(values):.3f}-{max(values):.3f}"
        print(f"{name:28}{statistics.median(values):>10.3f}{bounds:>18}{statistics.median(ratios):>12.2f}")


def command(*words: str | Path, cwd: Path | None = None) -> Work:
    """Return the work of running a command, whose output is thrown away; a failure ends the comparison."""

    def work() -> None:
        done = subprocess.run([str(word) for word in words], capture_output=True, cwd=cwd, env=os.environ, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, words))}: exit status {done.returncode}\n{done.stderr.decode()[-2000:]}")

    return work


def brewhouse(store: Path, *words: str | Path) -> Work:
    """Return the work of running the program with a store, as a process of its own."""
    return command(Path(sys.executable).with_name("brewhouse"), "--store", store, "--progress", "quiet", *words)


@contextmanager
def workplace() -> Iterator[Path]:
    """Give an empty folder, and remove it with all that peers left mounted there."""
    folder = Path(tempfile.mkdtemp(prefix="brewhouse-bench-"))
    try:
        yield folder
    finally:
        unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)


def nothing() -> None:
    """Prepare nothing."""
