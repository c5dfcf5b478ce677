"""A recorded build from its folder to its differences."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.conformance.bases import DEBIAN, prepare
from tests.conformance.build import carry_out
from tests.conformance.case import Case, beside, find_cases
from tests.conformance.check import Bench, Check
from tests.conformance.compare import differences

_MOST_LINES = 20
SHARED_BUSYBOX = Path(__file__).parents[3] / "shared/data/dockerfile/bases/busybox"


def build_checks(folder: Path) -> Iterator[Check]:
    """Yield a check for each build in `folder` and below."""
    for case in find_cases(folder):
        yield Check(case.name, partial(run_case, case), case.unscored)


def run_case(case: Case, bench: Bench) -> list[str]:
    """Build a case in the bench's store, which gets the bases that it needs, and return the differences."""
    needs_debian = DEBIAN in (case.folder / "Dockerfile").read_text(encoding="utf-8", errors="replace")
    prepare(bench.store, busybox(case), debian=needs_debian)
    with tempfile.TemporaryDirectory(dir=bench.scratch, ignore_cleanup_errors=True) as folder:
        found = differences(case, carry_out(case, bench.store, Path(folder)))
    return found[:_MOST_LINES] + ([f"and {len(found) - _MOST_LINES} more"] if len(found) > _MOST_LINES else [])


def busybox(case: Case) -> Path:
    """Return the layout of the busybox base: beside the cases, or beside this checkout."""
    try:
        return beside(case.folder, "bases/busybox")
    except FileNotFoundError:
        return SHARED_BUSYBOX
