"""One store with `python:3.13-slim` and `python:3.13`, brewed from nothing, for all tests of this folder."""

import fcntl
import os
from pathlib import Path

import pytest
from tests.support.program import Program


@pytest.fixture(scope="session")
def brewed(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Program:
    """Brew both images as a new user would, once for all workers.

    A store named by BREWHOUSE_TEST_STORE is used as it is.
    """
    if os.geteuid() != 0:
        pytest.skip("the end-to-end tests start daemons of Docker's, as root")
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    program = Program(Path(os.environ.get("BREWHOUSE_TEST_STORE") or shared / "brewed"))
    with (shared / "brewed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        program.do("--progress", "plain", "brew", "--profile", "fast", "python:3.13-slim", "python:3.13")
    return program
