"""`python -m tests.conformance DIR`: check all that is recorded in a folder, print differences and sums.

A record is a build (`case.json`), a row of a table (`*.jsonl`), a file of a parser's suite or an archive; a folder that
holds a part of them, or a single table, is as good.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conformance.check import Bench, Check
from tests.conformance.find import find_checks


def main() -> int:
    """Return 0 when all checks pass, 1 when one fails, 2 when there is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("place", type=Path, metavar="DIR", help="a folder with records at any depth, or a table")
    parser.add_argument("--store", type=Path, help="a store to work in, kept afterwards (default: a temporary one)")
    parser.add_argument("-k", default="", metavar="TEXT", help="only records whose name has TEXT")
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, metavar="N", help="builds at the same time")
    options = parser.parse_args()
    checks = [check for check in find_checks(options.place) if options.k in check.name]
    if not checks:
        print(f"nothing is recorded in {options.place}", file=sys.stderr)
        return 2
    scratch = Path(tempfile.mkdtemp(prefix="conformance-"))
    try:
        return _run_all(checks, Bench(options.store or scratch / "store", scratch), options.j)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run_all(checks: Sequence[Check], bench: Bench, workers: int) -> int:
    scored = [check for check in checks if not check.unscored]
    failed = 0
    with ThreadPoolExecutor(workers) as pool:
        for check, found in zip(scored, pool.map(lambda check: check.differences(bench), scored), strict=True):
            if found:
                failed += 1
                print(f"FAILED {check.name}", *(f"    {line}" for line in found), sep="\n", flush=True)
    for check in checks:
        if check.unscored:
            print(f"not scored {check.name}: {check.unscored}")
    print(f"{len(scored) - failed} passed, {failed} failed, {len(checks) - len(scored)} not scored")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
