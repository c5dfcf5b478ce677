"""One case from its folder to its differences."""

import tempfile
from pathlib import Path

from tests.conformance.bases import DEBIAN, prepare
from tests.conformance.build import carry_out
from tests.conformance.case import Case, beside
from tests.conformance.compare import differences

_MOST_LINES = 20


def run_case(case: Case, store: Path, scratch: Path) -> list[str]:
    """Build a case in `store`, which gets the bases that it needs, and return the differences."""
    needs_debian = DEBIAN in (case.folder / "Dockerfile").read_text(encoding="utf-8", errors="replace")
    prepare(store, beside(case.folder, "bases/busybox"), debian=needs_debian)
    with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        found = differences(case, carry_out(case, store, Path(folder)))
    return found[:_MOST_LINES] + ([f"and {len(found) - _MOST_LINES} more"] if len(found) > _MOST_LINES else [])
