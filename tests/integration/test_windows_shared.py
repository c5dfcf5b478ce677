"""One tag for Linux and Windows: brewed into one store, and published to a registry, the newest Windows first."""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from tests.support.program import Program
from tests.support.registry import Served, registry
from tests.support.store import files, make_image
from tests.support.windows_base import make_base
from tests.support.windows_python import make_artifacts

from brewhouse.family.expand import line_releases
from brewhouse.family.load import load_families, shipped_families
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import Index
from brewhouse.oci.platform import Arch
from brewhouse.system.store.layout import Layout, open_layout

pytestmark = [pytest.mark.xdist_group("windows"), pytest.mark.slow]

PLATFORMS = [("linux", ""), ("windows", "10.0.26100.33438"), ("windows", "10.0.20348.5622")]


@pytest.fixture(scope="module")
def version() -> str:
    return line_releases(load_families([shipped_families()])["python"], "3.13")[0].version


@pytest.fixture(scope="module")
def brewed(version: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Return a store with a made-up image for Linux, and both for Windows brewed after it."""
    folder = tmp_path_factory.mktemp("shared")
    make_artifacts(folder / "artifacts", version)
    make_base(folder / "base")
    program = Program(folder / "store")
    with open_layout(program.store) as layout:
        make_image(layout, [f"python:{version}-trixie", "python:3.13"], [files(motd="Linux")])
    words = ("--artifacts", folder / "artifacts", "--base-layout", folder / "base", "--arch", "windows-amd64")
    program.do("brew", *words, "python:3.13")
    return program


def platforms(manifests: Sequence[dict[str, dict[str, str]]]) -> list[tuple[str, str]]:
    return [(entry["platform"]["os"], entry["platform"].get("os.version", "")) for entry in manifests]


def publish(program: Program, served: Served) -> str:
    others = set(Arch) - {Arch.AMD64, Arch.WINDOWS_AMD64}
    allowed = [word for arch in sorted(others) for word in ("--allow-missing", arch)]
    done = program.run("publish", "--to", f"{served.domain}/acme", *allowed, "python:3.13")
    assert done.status == 0, done.stderr
    return done.stderr


def test_in_the_store_a_shared_tag_stands_for_all_systems(brewed: Program) -> None:
    path = Layout(brewed.store).blob_path(Digest(brewed.digest("python:3.13")))
    entries = msgspec.json.decode(path.read_bytes(), type=Index).manifests
    assert [(entry.platform.os, entry.platform.os_version) for entry in entries if entry.platform] == PLATFORMS


@pytest.mark.usefixtures("version")
def test_a_shared_tag_is_published_for_all_systems(brewed: Program, tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as served:
        assert "22 tags moved" in publish(brewed, served)
        for tag, expected in (("3.13", PLATFORMS), ("3.13-windowsservercore", PLATFORMS[1:])):
            listed = brewed.do("index", "inspect", "--format", "json", served.name(f"acme/python:{tag}"))
            assert platforms(json.loads(listed)["manifests"]) == expected
        assert "nothing to do" in publish(brewed, served)


def test_an_index_of_all_systems_can_be_made_by_hand(brewed: Program, version: str, tmp_path: Path) -> None:
    variants = ("windowsservercore-ltsc2022", "trixie", "windowsservercore-ltsc2025")
    with registry(tmp_path / "registry") as served:
        name = served.name("mine/python:3.13")
        brewed.do("index", "create", name, *(f"store:python:{version}-{variant}" for variant in variants))
        assert platforms(json.loads(brewed.do("index", "inspect", "--format", "json", name))["manifests"]) == PLATFORMS
