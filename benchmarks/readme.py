"""All pages of all branches in one process, and the whole library parsed; then where the time goes."""

import cProfile
import io
import pstats
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.compare import Work, brewhouse
from brewhouse.tag.read import read_library

DESCRIPTION = "all README pages in one process (bound 3 s), the library parsed (bound 60 ms), a profile; [DATA]"
RECORDED = Path(__file__).parents[2] / "shared" / "data" / "docs-2026-08-21"
_ROUNDS = 5
_PROFILE_LINES = 15


def main(words: list[str]) -> int:
    """Measure with the recorded inputs in the folder DATA; images whose folder is not recorded get python's."""
    data = Path(words[0]) if words else RECORDED
    if not (data / "library").is_dir():
        print(f"error: there are no recorded inputs in {data}\n\nhint: name their folder", file=sys.stderr)
        return 2
    files = [(path.name, path.read_bytes()) for path in sorted((data / "library").iterdir())]
    parsing = min(_timed(lambda: _parse(files), resource.RUSAGE_SELF) for _ in range(_ROUNDS))
    print(f"library parsed: {parsing.text()} ({len(files)} files)")
    with tempfile.TemporaryDirectory(prefix="brewhouse-bench-") as folder:
        top = Path(folder)
        _complete_docs(data, top / "docs", [name for name, _ in files])
        options = _options(data, top)
        work = brewhouse(top / "store", *options)
        rounds = []
        for _ in range(_ROUNDS):
            shutil.rmtree(top / "out", ignore_errors=True)
            rounds.append(_timed(work, resource.RUSAGE_CHILDREN))
        pages = len(list((top / "out").glob("*/*/README.md")))
        print(f"pages written:  {min(rounds).text()} ({pages} pages, start of the program included)\n")
        _profile([*options, "--check"])
    return 0


class Took(NamedTuple):
    """How long something took: on the clock, and of one processor."""

    seconds: float
    processor_seconds: float

    def text(self) -> str:
        """Return "0.031 s, 0.028 s of a processor"."""
        return f"{self.seconds:.3f} s, {self.processor_seconds:.3f} s of a processor"


def _timed(work: Work, who: int) -> Took:
    before, start = resource.getrusage(who), time.perf_counter()
    work()
    seconds, after = time.perf_counter() - start, resource.getrusage(who)
    return Took(seconds, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def _parse(files: list[tuple[str, bytes]]) -> None:
    for name, content in files:
        read_library(content, name)


def _complete_docs(data: Path, docs: Path, names: list[str]) -> None:
    """Copy the recorded docs; library files without a folder get a copy of python's, so that each has its page."""
    shutil.copytree(data / "docs", docs)
    for name in names:
        if not (docs / name).exists():
            shutil.copytree(docs / "python", docs / name)


def _options(data: Path, top: Path) -> list[str]:
    facts = ["--froms", data / "froms.json", "--logo-commits", data / "logo-commits.json"]
    facts += ["--arch-namespaces", data / "arch-namespaces.json", "--overrides", data / "docs-overrides"]
    places = ["--docs", top / "docs", "--library", data / "library", "--out", top / "out"]
    return ["readme", "--arch", "all", *map(str, [*places, *facts])]


def _profile(words: list[str]) -> None:
    """Print the functions in which the pages spend their time, in this process."""
    from brewhouse.cli.main import cli

    profile = cProfile.Profile()
    profile.runcall(cli, words, standalone_mode=False)
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(_PROFILE_LINES)
    print(text.getvalue().strip())
