"""Docker, podman and skopeo pull and run what Brewhouse pushes, and Brewhouse pulls what they push."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.support.peers import docker, podman
from tests.support.program import Program
from tests.support.registry import Served, registry
from tests.support.store import check_store, make_image

from brewhouse.build.layer import Member
from brewhouse.oci.document import ContainerConfig
from brewhouse.system.archive.tar import Entry
from brewhouse.system.store.layout import open_layout

# A program without libraries that every Debian has.
LDCONFIG = Path("/sbin/ldconfig")
CONFIG = ContainerConfig(cmd=("/ldconfig", "--version"))

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the engines are started as root")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture
def program(served: Served, tmp_path: Path) -> Program:
    """Return the program with an image of one program in its store and the registry."""
    program = Program(tmp_path / "store")
    with open_layout(program.store) as layout:
        content = LDCONFIG.read_bytes()
        member = Member(Entry("ldconfig", mode=0o755, size=len(content)), content)
        make_image(layout, [served.name("hello:1")], [[member]], CONFIG)
    program.do("push", served.name("hello:1"))
    return program


@pytest.fixture
def short_path() -> Iterator[Path]:
    # Podman takes no path longer than 50 characters for its run-time files, and pytest's own are longer.
    with TemporaryDirectory(prefix="brew-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def test_docker_runs_what_was_pushed_and_pushes_what_is_pulled(
    served: Served, program: Program, short_path: Path
) -> None:
    name, back = served.name("hello:1"), served.name("from-docker:1")
    with docker(short_path) as peer:
        assert peer.run("run", "--rm", "--network", "host", name).startswith("ldconfig (")
        peer.run("tag", name, back)
        peer.run("push", back)
    _pull_again(program, back, name)


def test_podman_runs_what_was_pushed_and_pushes_what_is_pulled(
    served: Served, program: Program, short_path: Path
) -> None:
    name, back = served.name("hello:1"), served.name("from-podman:1")
    peer = podman(short_path)
    ran = peer.run("run", "--rm", "--network", "host", "--tls-verify=false", name)
    assert ran.startswith("ldconfig (")
    peer.run("tag", name, back)
    peer.run("push", "--tls-verify=false", back)
    _pull_again(program, back, name)


def test_skopeo_copies_both_ways_and_shows_the_index_as_intended(
    served: Served, program: Program, tmp_path: Path
) -> None:
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed: apt-get install skopeo")
    name, back = served.name("hello:1"), served.name("from-skopeo:1")
    _skopeo("copy", "--src-tls-verify=false", f"docker://{name}", f"oci:{tmp_path}/layout:1")
    _skopeo("copy", "--dest-tls-verify=false", f"oci:{tmp_path}/layout:1", f"docker://{back}")
    _pull_again(program, back, name)
    program.do("copy", f"oci:{tmp_path}/layout:1", f"docker-archive:{tmp_path}/archive.tar:hello:2")
    assert json.loads(_skopeo("inspect", f"docker-archive:{tmp_path}/archive.tar"))["Layers"]
    program.do("copy", f"docker-archive:{tmp_path}/archive.tar", served.name("from-archive:1"))
    digest = program.do("index", "create", served.name("all:1"), name).strip()
    shown = json.loads(_skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{served.name('all:1')}"))
    assert [entry["digest"] for entry in shown["manifests"]] == [program.digest(name)]
    assert {"architecture", "os"} <= shown["manifests"][0]["platform"].keys()
    assert _skopeo("inspect", "--tls-verify=false", f"docker://{served.name('all:1')}")
    program.do("copy", "--all", served.name("all:1"), f"oci:{tmp_path}/all:1")
    _skopeo("copy", "--all", f"oci:{tmp_path}/all:1", f"oci:{tmp_path}/again:1")
    with open_layout(tmp_path / "all") as layout:
        assert [entry.digest for entry in layout.index().manifests] == [digest]


def _pull_again(program: Program, name: str, first: str) -> None:
    """Pull into another store what a peer pushed: the same layers, uncompressed, that were pushed first."""
    other = Program(program.store.with_name("other"))
    other.do("pull", name)
    check_store(other.store)
    shown = [json.loads(each.do("inspect", which))[0] for each, which in ((program, first), (other, name))]
    assert shown[0]["RootFS"] == shown[1]["RootFS"]
    assert shown[0]["Config"]["Cmd"] == shown[1]["Config"]["Cmd"]


def _skopeo(*words: str) -> str:
    done = subprocess.run(["skopeo", *words], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
