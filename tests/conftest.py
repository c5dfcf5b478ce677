"""What the tests of several folders start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from brewhouse.system.registry.registries import Registries, open_registries
from brewhouse.system.registry.settings import Settings
from brewhouse.system.store.layout import Layout, open_layout
from tests.conformance.bases import prepare
from tests.support.program import Program
from tests.support.registry import NOBODY
from tests.support.shared import recorded


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    """Return an empty store, opened."""
    with open_layout(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return the program with an empty store."""
    return Program(tmp_path / "store")


@pytest.fixture
def busybox(program: Program) -> None:
    """Put the recorded busybox into the program's store."""
    prepare(program.store, recorded("dockerfile/bases/busybox"), debian=False)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """Return a build context of one file."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "motd").write_text("hello\n")
    return folder


@pytest.fixture
def registries() -> Iterator[Registries]:
    """Return the registries as somebody sees them who has no settings and no passwords."""
    with open_registries(Settings(), NOBODY) as found:
        yield found
