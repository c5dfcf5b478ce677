"""Windows as it lies in a registry: images are brewed on it without its layers, which a push fetches."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.support.program import Program
from tests.support.registry import Served, registry
from tests.support.windows_base import NAME, RELEASES, make_base
from tests.support.windows_python import make_artifacts

from brewhouse.build.windows.base import find_base
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import BASE_DIGEST, BASE_NAME, Manifest
from brewhouse.publish.bases import base_layers
from brewhouse.system.store.layout import Layout

pytestmark = [pytest.mark.xdist_group("windows"), pytest.mark.slow]

IMAGE = "python:3.13-windowsservercore-ltsc2025"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("windows")
    make_artifacts(folder / "artifacts")
    make_base(folder / "base")
    return folder


@pytest.fixture(scope="module")
def microsoft(folder: Path) -> Iterator[Served]:
    with registry(folder / "microsoft") as served:
        carrier = Program(folder / "carrier")
        for tag in RELEASES:
            carrier.do("copy", f"oci:{folder / 'base'}:{NAME}:{tag}", served.name(f"ms/windows/servercore:{tag}"))
        yield served


@pytest.fixture(scope="module")
def brewed(folder: Path, microsoft: Served) -> Program:
    program = Program(folder / "store")
    brew(program, folder, f"{microsoft.domain}/ms")
    return program


def brew(program: Program, folder: Path, base_registry: str) -> str:
    words = ("--artifacts", folder / "artifacts", "--base-registry", base_registry)
    return program.do("--progress", "plain", "brew", *words, IMAGE)


def manifest(program: Program, name: str = IMAGE) -> Manifest:
    path = Layout(program.store).blob_path(Digest(program.digest(name)))
    return msgspec.json.decode(path.read_bytes(), type=Manifest)


def base_blobs(folder: Path) -> list[Digest]:
    return [layer.digest for layer in find_base(folder / "base", f"{NAME}:ltsc2025").manifest.value.layers]


def test_an_image_is_brewed_without_the_layers_of_its_base(brewed: Program, folder: Path, microsoft: Served) -> None:
    found = manifest(brewed)
    assert [layer.digest for layer in found.layers[:-1]] == base_blobs(folder)
    assert [Layout(brewed.store).has_blob(layer.digest) for layer in found.layers] == [False, False, True]
    assert found.annotations[BASE_NAME] == f"{microsoft.domain}/ms/windows/servercore:ltsc2025"
    assert found.annotations[BASE_DIGEST] == find_base(folder / "base", f"{NAME}:ltsc2025").descriptor.digest
    assert {str(base).partition("@")[0] for base in base_layers(Layout(brewed.store)).values()} == {
        f"{microsoft.domain}/ms/windows/servercore"
    }


def test_two_empty_stores_get_the_same_image(brewed: Program, folder: Path, microsoft: Served, tmp_path: Path) -> None:
    other = Program(tmp_path / "store")
    brew(other, folder, f"{microsoft.domain}/ms")
    assert other.digest(IMAGE) == brewed.digest(IMAGE)


def test_a_mirror_of_microsofts_registry_and_a_layout_give_the_same_image(
    folder: Path, microsoft: Served, tmp_path: Path
) -> None:
    mirrors = f'[registries."mcr.microsoft.com"]\nmirrors = ["http://{microsoft.domain}/ms"]\n'
    (tmp_path / "config.toml").write_text(mirrors)
    mirrored, local = Program(tmp_path / "mirrored"), Program(tmp_path / "local")
    config = ("--config", tmp_path / "config.toml")
    mirrored.do(*config, "brew", "--artifacts", folder / "artifacts", IMAGE)
    local.do("brew", "--artifacts", folder / "artifacts", "--base-layout", folder / "base", IMAGE)
    assert mirrored.digest(IMAGE) == local.digest(IMAGE)
    assert manifest(mirrored).annotations[BASE_NAME] == f"{NAME}:ltsc2025"
    mirrored.do(*config, "copy", "--platform", "windows/amd64", f"store:{IMAGE}", f"oci:{tmp_path}/whole:w")
    assert all(map(Layout(tmp_path / "whole").has_blob, base_blobs(folder)))


def test_a_push_streams_the_base_from_its_registry_and_keeps_nothing(
    brewed: Program, folder: Path, tmp_path: Path
) -> None:
    with registry(tmp_path / "registry") as target:
        name = target.name("mine/python:w")
        brewed.do("tag", IMAGE, name)
        pushed = brewed.run("--progress", "plain", "push", name)
        assert pushed.status == 0, pushed.stderr
        assert "/ms/windows/servercore, where the base of the image is" in pushed.stderr
        assert all(target.blob(layer.digest).is_file() for layer in manifest(brewed).layers)
        other = Program(tmp_path / "store")
        other.do("pull", "--platform", "windows/amd64", name)
        assert other.digest(name) == brewed.digest(IMAGE)
    assert not any(map(Layout(brewed.store).has_blob, base_blobs(folder)))


def test_a_push_to_the_registry_of_the_base_mounts_it(brewed: Program, microsoft: Served) -> None:
    name = microsoft.name("mine/python:w")
    brewed.do("tag", IMAGE, name)
    brewed.do("push", name)
    links = microsoft.folder / "docker/registry/v2/repositories/mine/python/_layers/sha256"
    assert {layer.digest.removeprefix("sha256:") for layer in manifest(brewed).layers} <= {
        link.name for link in links.iterdir()
    }


def test_a_copy_to_a_layout_is_whole(brewed: Program, tmp_path: Path) -> None:
    brewed.do("copy", "--platform", "windows/amd64", f"store:{IMAGE}", f"oci:{tmp_path}/layout:w")
    assert all(map(Layout(tmp_path / "layout").has_blob, (layer.digest for layer in manifest(brewed).layers)))


def test_an_image_built_on_it_is_pushed_whole(brewed: Program, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nWORKDIR /app\nCOPY Dockerfile ./\n")
    with registry(tmp_path / "registry") as target:
        name = target.name("mine/app:1")
        brewed.do("build", "--wine", "off", "--platform", "windows/amd64", "-t", name, tmp_path)
        brewed.do("push", name)
        layers = manifest(brewed, name).layers
        assert len(layers) == 5
        assert all(target.blob(layer.digest).is_file() for layer in layers)


def test_a_family_is_published_with_the_layers_of_its_base(brewed: Program, tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as target:
        brewed.do("publish", "--to", f"{target.domain}/acme", IMAGE)
        assert all(target.blob(layer.digest).is_file() for layer in manifest(brewed).layers)
        listed = json.loads(brewed.do("index", "inspect", "--format", "json", target.name(f"acme/{IMAGE}")))
        assert [entry["platform"]["os.version"] for entry in listed["manifests"]] == [RELEASES["ltsc2025"]]


def test_a_layer_that_was_the_images_own_is_missed_in_the_store(brewed: Program, tmp_path: Path) -> None:
    own = manifest(brewed).layers[-1].digest
    path = Layout(brewed.store).blob_path(own)
    path.rename(tmp_path / "kept")
    try:
        ran = brewed.run("copy", "--platform", "windows/amd64", f"store:{IMAGE}", f"oci:{tmp_path}/layout:w")
    finally:
        (tmp_path / "kept").rename(path)
    assert ran.status == 1
    assert f"blob {own} is missing from {brewed.store}, nor has its base" in ran.stderr


def test_an_index_can_be_made_of_it_in_a_registry(brewed: Program, tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as target:
        brewed.do("index", "create", target.name("mine/python:3.13"), f"store:{IMAGE}")
        listed = json.loads(brewed.do("index", "inspect", "--format", "json", target.name("mine/python:3.13")))
        assert len(listed["manifests"]) == 1
        assert all(target.blob(layer.digest).is_file() for layer in manifest(brewed).layers)


def test_a_base_is_asked_for_once_and_again_with_update(folder: Path, tmp_path: Path) -> None:
    program = Program(tmp_path / "store")
    with registry(tmp_path / "registry") as served:
        program.do("copy", f"oci:{folder / 'base'}:{NAME}:ltsc2025", served.name("windows/servercore:ltsc2025"))
        brew(program, folder, served.domain)
        domain = served.domain
    assert brew(program, folder, domain).split()[-1] == "cached"
    words = ("--artifacts", folder / "artifacts", "--base-registry", domain, "--update")
    ran = program.run("brew", *words, IMAGE)
    assert (ran.status, f"the base {domain}/windows/servercore:ltsc2025 cannot be had" in ran.stderr) == (2, True)
    assert "--base-layout DIR" in ran.stderr
    program.do("tag", IMAGE, "localhost:1/x:1")
    pushed = program.run("copy", f"store:{IMAGE}", f"oci:{tmp_path}/out:x", "--platform", "windows/amd64")
    assert pushed.status != 0
    assert domain in pushed.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--base-registry", "nowhere"), "names no registry"),
        (("--base-registry", "127.0.0.1:1"), "cannot be had"),
        (("--base-registry", "127.0.0.1:1", "--base-layout", "."), "exclude each other"),
    ],
)
def test_a_base_that_is_nowhere_is_refused(folder: Path, tmp_path: Path, options: tuple[str, ...], reason: str) -> None:
    ran = Program(tmp_path / "store").run("brew", "--artifacts", folder / "artifacts", *options, IMAGE)
    assert (ran.status, reason in ran.stderr) == (2, True), ran.stderr
