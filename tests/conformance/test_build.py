from pathlib import Path

import pytest

from tests.conformance.build_check import build_checks
from tests.conformance.check import Bench, Check
from tests.support.shared import recorded

CHECKS = list(build_checks(recorded("dockerfile/build")))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the store that all cases share, those of other workers too."""
    own = tmp_path_factory.getbasetemp()
    return (own.parent if own.name.startswith("popen-") else own) / "store"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_recorded_build_gives_what_buildkit_gave(check: Check, store: Path, tmp_path: Path) -> None:
    if check.unscored:
        pytest.skip(check.unscored)
    found = check.differences(Bench(store, tmp_path))
    assert not found, "\n".join(["", *found])
