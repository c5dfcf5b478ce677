"""Debian images from the mirror of this machine: the same from every empty store, and good to install packages in."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import msgspec
import pytest
from tests.support.network import need_mirror
from tests.support.program import Program

from brewhouse.build.debian.lock import read_lock
from brewhouse.system.apt import ARCHIVE_KEYRING

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="takes its images apart as root")]

SLIM, FULL = "debian:trixie-slim", "debian:trixie"
OLD_SLIM = "debian:bookworm-slim"


@pytest.fixture(scope="module", autouse=True)
def mirror() -> None:
    """Skip everything where there is no mirror to build from."""
    if not ARCHIVE_KEYRING.exists():
        pytest.skip("the keyring of the Debian archive is not installed: apt-get install debian-archive-keyring")
    need_mirror()


@pytest.fixture(scope="module")
def brewed(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Return a store with both variants of trixie, and bookworm-slim."""
    program = Program(tmp_path_factory.mktemp("debian") / "store")
    program.do("brew", SLIM, FULL, OLD_SLIM)
    return program


def same_lock(program: Program, store: Path) -> Program:
    """Return an empty store that will choose the same packages, whatever the mirror offers by now."""
    (store / "locks").mkdir(parents=True)
    for lock in (program.store / "locks").iterdir():
        (store / "locks" / lock.name).write_bytes(lock.read_bytes())
    return Program(store)


def inside(program: Program, image: str, script: str) -> str:
    return program.do("run", "--rm", image, "sh", "-ec", script)


def layer_names(program: Program, image: str) -> set[str]:
    """Return the names of all files of an image of one layer, as tar lists them."""
    config = json.loads(program.do("inspect", image))[0]
    assert len(config["RootFS"]["Layers"]) == 1
    snapshot = program.store / "snapshots" / config["RootFS"]["Layers"][0].removeprefix("sha256:")
    return {str(path.relative_to(snapshot)) for path in snapshot.rglob("*")}


def test_two_empty_stores_give_equal_digests(brewed: Program, tmp_path: Path) -> None:
    again = same_lock(brewed, tmp_path / "store")
    again.do("brew", SLIM, OLD_SLIM)
    for name in (SLIM, OLD_SLIM):
        assert again.digest(name) == brewed.digest(name)


def test_a_second_run_does_nothing(brewed: Program) -> None:
    ran = brewed.run("--progress", "plain", "brew", SLIM, FULL)
    assert ran.status == 0
    assert "configure" not in ran.stderr
    assert ran.stdout.count("cached") == 2


def test_a_build_that_is_killed_at_any_moment_is_gone_on_with(brewed: Program, tmp_path: Path) -> None:
    again = same_lock(brewed, tmp_path / "store")
    for seconds in (0.7, 1.2, 2.0, 3.0, 4.0):
        process = subprocess.Popen(
            again.words("brew", SLIM), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    again.do("brew", SLIM)
    assert again.digest(SLIM) == brewed.digest(SLIM)
    assert list((again.store / "tmp").iterdir()) == []


def test_the_packages_are_those_of_the_lock_and_all_are_configured(brewed: Program) -> None:
    lock = read_lock((brewed.store / "locks/debian-trixie-amd64.json").read_bytes(), "lock")
    for image in (SLIM, FULL):
        told = inside(brewed, image, "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n'; dpkg --audit")
        assert told.splitlines() == [f"{package.name} {package.version} installed" for package in lock.packages]


def test_dpkg_finds_every_file_of_its_packages_unchanged(brewed: Program) -> None:
    left_empty = {"/var/cache/apt/archives", "/var/cache/apt/archives/partial", "/var/lib/apt/lists/partial"}
    assert {line.split()[-1] for line in inside(brewed, FULL, "dpkg --verify").splitlines()} == left_empty


def test_usrmerge_and_perl_stay_out_of_bookworm(brewed: Program) -> None:
    names = inside(brewed, OLD_SLIM, "dpkg-query -W -f '${Package}\\n'").splitlines()
    assert "usr-is-merged" in names
    assert {"usrmerge", "perl"} & set(names) == set()


def test_slim_lacks_documentation_only(brewed: Program) -> None:
    full, slim = layer_names(brewed, FULL), layer_names(brewed, SLIM)
    assert slim - full == {"etc/dpkg/dpkg.cfg.d/docker"}
    assert {name.split("/")[2] for name in full - slim} == {"doc", "info", "lintian", "locale", "man"}
    assert "usr/share/doc/bash/copyright" in slim
    assert "usr/share/man/man1" in slim


def test_nothing_of_the_build_is_left(brewed: Program) -> None:
    names = layer_names(brewed, SLIM)
    assert [name for name in names if name.startswith(("dev/", "proc/", "sys/", "tmp/", "var/lib/apt/lists/"))] == []
    assert {"etc/machine-id", "var/log/dpkg.log", "var/cache/ldconfig/aux-cache"} & names == set()


def test_packages_can_be_installed_and_removed_inside(brewed: Program) -> None:
    script = """
        apt-get -qq update
        apt-get -qq install --no-install-recommends hello less >/dev/null 2>&1
        hello
        ls /usr/share/doc/hello
        apt-mark showmanual
        apt-get -qq purge --auto-remove hello less >/dev/null
        ls /var/cache/apt/archives/*.deb 2>/dev/null || echo no packages kept
    """
    told = inside(brewed, SLIM, script)
    assert told.splitlines() == ["Hello, world!", "copyright", "hello", "less", "no packages kept"]


def test_the_config_is_that_of_docker_images(brewed: Program) -> None:
    [config] = json.loads(brewed.do("inspect", SLIM))
    assert config["Config"]["Cmd"] == ["bash"]
    assert config["Config"]["Env"] == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    lock = msgspec.json.decode((brewed.store / "locks/debian-trixie-amd64.json").read_bytes())
    assert config["Created"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(lock["epoch"]))
