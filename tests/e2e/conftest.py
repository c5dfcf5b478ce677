"""One store with `python:3.13-slim` and `python:3.13`, brewed from nothing, for all tests of this folder."""

import os
from pathlib import Path

import pytest
from tests.support.program import Program


@pytest.fixture(scope="session")
def brewed(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Brew both images as a new user would; a store named by BREWHOUSE_TEST_STORE is used as it is."""
    given = os.environ.get("BREWHOUSE_TEST_STORE")
    program = Program(Path(given) if given else tmp_path_factory.mktemp("store"))
    if os.geteuid() != 0:
        pytest.skip("the end-to-end tests start daemons of Docker's, as root")
    program.do("--progress", "plain", "brew", "--profile", "fast", "python:3.13-slim", "python:3.13")
    return program
