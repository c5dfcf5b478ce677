from pathlib import Path

import pytest

from tests.conformance.case import Case, find_cases
from tests.conformance.run import run_case
from tests.support.shared import recorded

CASES = find_cases(recorded("dockerfile/build"))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the store that all cases share, those of other workers too."""
    own = tmp_path_factory.getbasetemp()
    return (own.parent if own.name.startswith("popen-") else own) / "store"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_recorded_build_gives_what_buildkit_gave(case: Case, store: Path, tmp_path: Path) -> None:
    if case.unscored:
        pytest.skip(case.unscored)
    found = run_case(case, store, tmp_path)
    assert not found, "\n".join(["", *found])
