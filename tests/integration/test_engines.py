"""What `save` writes, loaded and run by Docker and podman; and what they save, loaded here."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.peers import Peer, engine
from tests.support.program import Program
from tests.support.shared import recorded

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the engines are started as root")


@pytest.fixture(scope="module", params=["docker", "podman"])
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    with engine(request.param) as found:
        yield found


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
def test_an_engine_loads_and_runs_what_save_wrote(form: str, peer: Peer, program: Program, tmp_path: Path) -> None:
    program.do("save", "--format", form, "-o", tmp_path / "image.tar", "busybox:1")
    peer.run("load", "-i", str(tmp_path / "image.tar"))
    (identity,) = program.do("images", "-q", "--no-trunc").split()
    assert (
        peer.run("image", "inspect", "--format", "{{.Id}}", "busybox:1").strip().removeprefix("sha256:") == identity[7:]
    )
    assert peer.run("run", "--rm", "--network=none", "busybox:1", "echo", "brewed") == "brewed\n"
    peer.run("rmi", "busybox:1")


@pytest.mark.parametrize("output", ["type=docker", "type=docker,compression=uncompressed", "type=oci"])
def test_an_engine_loads_and_runs_what_build_wrote(output: str, peer: Peer, program: Program, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    dockerfile = b"FROM busybox:1\nRUN echo brewed > /motd\nCMD cat /motd\n"
    identity = program.do("build", "-q", "-t", "acme/app:1", "-o", f"{output},dest={archive}", "-", stdin=dockerfile)
    peer.run("load", "-i", str(archive))
    found = peer.run("image", "inspect", "--format", "{{.Id}}", "acme/app:1")
    assert found.strip().removeprefix("sha256:") == identity.strip().removeprefix("sha256:")
    assert peer.run("run", "--rm", "--network=none", "acme/app:1") == "brewed\n"
    peer.run("rmi", "acme/app:1")


def test_what_an_engine_saves_is_loaded_as_the_same_image(peer: Peer, program: Program, tmp_path: Path) -> None:
    program.do("save", "-o", tmp_path / "image.tar", "busybox:1")
    peer.run("load", "-i", str(tmp_path / "image.tar"))
    peer.run("save", "-o", str(tmp_path / "theirs.tar"), "busybox:1")
    peer.run("rmi", "busybox:1")
    other = Program(tmp_path / "other")
    other.do("load", "-i", tmp_path / "theirs.tar")
    assert other.do("images", "-q", "--no-trunc") == program.do("images", "-q", "--no-trunc")
