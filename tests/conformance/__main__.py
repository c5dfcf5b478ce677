"""`python -m tests.conformance DIR`: run all cases in a folder, print each failure's differences and the sums."""

import argparse
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conformance.case import Case, find_cases
from tests.conformance.run import run_case


def main() -> int:
    """Return 0 when all cases pass, 1 when one fails, 2 when there is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder with cases, at any depth")
    parser.add_argument("--store", type=Path, help="a store to work in, kept afterwards (default: a temporary one)")
    parser.add_argument("-k", default="", metavar="TEXT", help="only cases whose name has TEXT")
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, metavar="N", help="cases at the same time")
    options = parser.parse_args()
    cases = [case for case in find_cases(options.folder) if options.k in case.name]
    if not cases:
        print(f"no case in {options.folder}", file=sys.stderr)
        return 2
    scratch = Path(tempfile.mkdtemp(prefix="conformance-"))
    try:
        return _run_all(cases, options.store or scratch / "store", scratch, options.j)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run_all(cases: list[Case], store: Path, scratch: Path, workers: int) -> int:
    scored = [case for case in cases if not case.unscored]
    failed = 0
    with ThreadPoolExecutor(workers) as pool:
        for case, found in zip(scored, pool.map(lambda case: run_case(case, store, scratch), scored), strict=True):
            if found:
                failed += 1
                print(f"FAILED {case.name}", *(f"    {line}" for line in found), sep="\n", flush=True)
    for case in cases:
        if case.unscored:
            print(f"not scored {case.name}: {case.unscored}")
    print(f"{len(scored) - failed} passed, {failed} failed, {len(cases) - len(scored)} not scored")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
