"""What `save` writes, loaded and run by Docker and podman; and what they save, loaded here."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.support.peers import Peer, docker, podman
from tests.support.program import Program
from tests.support.shared import recorded

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the engines are started as root")


@pytest.fixture(scope="module", params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> Iterator[Peer]:
    # Podman takes no path longer than 50 characters for its run-time files, and pytest's own are longer.
    with TemporaryDirectory(prefix="brew-", ignore_cleanup_errors=True) as name:
        if request.param == "podman":
            yield podman(Path(name))
            return
        with docker(Path(name)) as peer:
            yield peer


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Give a store with the recorded busybox in it."""
    layout_tar = io.BytesIO()
    with tarfile.open(fileobj=layout_tar, mode="w") as archive:
        archive.add(recorded("dockerfile/bases/busybox"), arcname=".")
    program = Program(tmp_path / "store")
    program.do("load", stdin=layout_tar.getvalue())
    program.do("tag", program.do("images", "-q").strip(), "busybox:1")
    return program


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_an_engine_loads_and_runs_what_save_wrote(form: str, engine: Peer, program: Program, tmp_path: Path) -> None:
    program.do("save", "--format", form, "-o", tmp_path / "image.tar", "busybox:1")
    engine.run("load", "-i", str(tmp_path / "image.tar"))
    (identity,) = program.do("images", "-q", "--no-trunc").split()
    assert (
        engine.run("image", "inspect", "--format", "{{.Id}}", "busybox:1").strip().removeprefix("sha256:")
        == identity[7:]
    )
    assert engine.run("run", "--rm", "--network=none", "busybox:1", "echo", "brewed") == "brewed\n"
    engine.run("rmi", "busybox:1")


def test_what_an_engine_saves_is_loaded_as_the_same_image(engine: Peer, program: Program, tmp_path: Path) -> None:
    program.do("save", "-o", tmp_path / "image.tar", "busybox:1")
    engine.run("load", "-i", str(tmp_path / "image.tar"))
    engine.run("save", "-o", str(tmp_path / "theirs.tar"), "busybox:1")
    engine.run("rmi", "busybox:1")
    other = Program(tmp_path / "other")
    other.do("load", "-i", tmp_path / "theirs.tar")
    assert other.do("images", "-q", "--no-trunc") == program.do("images", "-q", "--no-trunc")
