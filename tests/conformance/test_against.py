import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.against import Docker, against_checks, load_bases
from tests.conformance.check import Bench, PassedOver
from tests.support.peers import engine
from tests.support.shared import recorded

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="Docker is started as root")

CASES = recorded("dockerfile/build")
_EACH = 12


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    with engine("docker") as peer:
        yield Docker(tuple(peer.command), peer.environment)


@pytest.mark.slow
def test_what_docker_builds_has_the_tree_and_config_that_we_give_it(docker: Docker, tmp_path: Path) -> None:
    bench = Bench(tmp_path / "store", tmp_path)
    load_bases(CASES, bench.store, docker)
    compared, differences = 0, []
    for check in list(against_checks(CASES, docker))[::_EACH]:
        try:
            found = check.differences(bench)
        except PassedOver:
            continue
        compared += 1
        differences += [f"{check.name}: {line}" for line in found]
    assert not differences, "\n".join(["", *differences])
    assert compared
