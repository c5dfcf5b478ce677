"""`python -m tests.conformance DIR`: check all that is recorded in a folder, print differences and sums.

A record is a build (`case.json`), a row of a table (`*.jsonl`), a file of a parser's suite or an archive; a folder that
holds a part of them, or a single table, is as good.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conformance.against import Docker, against_checks, load_bases
from tests.conformance.check import Bench, Check, PassedOver
from tests.conformance.find import find_checks


def main() -> int:
    """Return 0 when all checks pass, 1 when one fails, 2 when there is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("place", type=Path, metavar="DIR", help="a folder with records at any depth, or a table")
    parser.add_argument("--store", type=Path, help="a store to work in, kept afterwards (default: a temporary one)")
    parser.add_argument("--against", choices=["docker"], help="compare builds with this engine's, not with the records")
    parser.add_argument("-k", default="", metavar="TEXT", help="only records whose name has TEXT")
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, metavar="N", help="builds at the same time")
    options = parser.parse_args()
    found = against_checks(options.place, Docker()) if options.against else find_checks(options.place)
    checks = [check for check in found if options.k in check.name]
    if not checks:
        print(f"nothing is recorded in {options.place}", file=sys.stderr)
        return 2
    scratch = Path(tempfile.mkdtemp(prefix="conformance-"))
    bench = Bench(options.store or scratch / "store", scratch)
    try:
        if options.against:
            load_bases(options.place, bench.store, Docker())
        return _run_all(checks, bench, options.j)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run_all(checks: Sequence[Check], bench: Bench, workers: int) -> int:
    """Run the checks that count, print what is to be said of each, and return the exit status."""
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(workers) as pool:
        for check, found in zip(checks, pool.map(lambda check: _outcome(check, bench), checks), strict=True):
            if isinstance(found, str):
                print(f"not scored {check.name}: {found}", flush=True)
                counts["not scored"] += 1
            elif found:
                print(f"FAILED {check.name}", *(f"    {line}" for line in found), sep="\n", flush=True)
                counts["failed"] += 1
            else:
                counts["passed"] += 1
    print(", ".join(f"{counts[word]} {word}" for word in ("passed", "failed", "not scored")))
    return 1 if counts["failed"] else 0


def _outcome(check: Check, bench: Bench) -> list[str] | str:
    """Return the differences of a check, or why it is not counted."""
    if check.unscored:
        return check.unscored
    try:
        return check.differences(bench)
    except PassedOver as reason:
        return str(reason)


if __name__ == "__main__":
    sys.exit(main())
