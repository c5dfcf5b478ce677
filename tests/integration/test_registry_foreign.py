"""Foreign layers of old Windows bases: fetched from where they lie, and pushed as ordinary ones."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.support.faults import PASSWORD, USER, Registry, serving
from tests.support.registry import docker_config, registry
from tests.support.server import Server
from tests.support.server import serving as serving_files
from tests.support.store import check_store, files, make_image

from brewhouse.build.windows.base import ordinary_layers
from brewhouse.errors import FetchError
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import (
    BASE_DIGEST,
    BASE_NAME,
    DOCKER_LAYER_GZIP,
    DOCKER_MANIFEST,
    MANIFEST,
    Manifest,
    read_document,
    write_document,
)
from brewhouse.oci.platform import Platform
from brewhouse.oci.reference import Reference
from brewhouse.publish.bases import fetch_base
from brewhouse.publish.transfer import pull_image, push_image
from brewhouse.system.progress.log import Progress, Quiet
from brewhouse.system.registry.registries import Registries, open_registries
from brewhouse.system.registry.settings import Settings
from brewhouse.system.store.layout import Layout, open_layout

FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
WINDOWS = Platform("amd64", "windows", "10.0.17763.1")
QUIET = Progress(Quiet())


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    with serving_files({}) as served:
        yield served


@pytest.fixture
def held() -> Iterator[Registry]:
    with serving(Registry(0)) as served:
        yield served


def old_windows(store: Layout, held: Registry, elsewhere: Server) -> Digest:
    """Hold an image whose layer lies elsewhere, and return the digest of that layer."""
    image = make_image(store, ["w:1"], [files(Files="windows")], platform=WINDOWS)
    layer = image.manifest.value.layers[0]
    elsewhere.files["/layer"] = store.blob_path(layer.digest).read_bytes()
    foreign = msgspec.structs.replace(layer, media_type=FOREIGN, urls=(f"{elsewhere.url}/layer",))
    manifest = msgspec.structs.replace(image.manifest.value, layers=(foreign,), media_type=DOCKER_MANIFEST)
    held.put_blob(image.config.raw)
    held.put_manifest(msgspec.json.encode(manifest), DOCKER_MANIFEST, "1")
    return layer.digest


def pull(held: Registry, layout: Layout, found: Registries) -> str:
    pull_image(Reference(held.domain, "x", "1"), Platform("amd64", "windows"), layout, found, QUIET)
    return f"{held.domain}/x:1"


def test_a_foreign_layer_is_pulled_and_pushed_as_an_ordinary_one(
    held: Registry, elsewhere: Server, tmp_path: Path
) -> None:
    with open_layout(tmp_path / "made") as made:
        layer = old_windows(made, held, elsewhere)
    known = docker_config(tmp_path, held.domain, USER, PASSWORD)
    with (
        registry(tmp_path / "registry") as served,
        open_registries(Settings(), known) as found,
        open_layout(tmp_path / "store") as store,
    ):
        name = pull(held, store, found)
        assert hashlib.sha256(store.blob_path(layer).read_bytes()).hexdigest() == layer.removeprefix("sha256:")
        target = served.name("windows:1")
        store.tag([target], store.names()[name])
        push_image(target, store, found, QUIET)
        pushed = found.get(served.domain).fetch("windows", "1")
        layers = read_document(pushed.raw, Manifest, target).value.layers
        assert [(each.media_type, each.digest, each.urls) for each in layers] == [(DOCKER_LAYER_GZIP, layer, ())]
        assert pushed.descriptor.digest != store.names()[name].digest
    check_store(tmp_path / "store")


def test_a_foreign_layer_that_is_nowhere_is_told(held: Registry, elsewhere: Server, tmp_path: Path) -> None:
    with open_layout(tmp_path / "made") as made:
        old_windows(made, held, elsewhere)
    elsewhere.files.clear()
    known = docker_config(tmp_path, held.domain, USER, PASSWORD)
    with (
        open_registries(Settings(), known) as found,
        open_layout(tmp_path / "store") as store,
        pytest.raises(FetchError, match=r"cannot be had: http.*/layer: 404"),
    ):
        pull(held, store, found)
    assert check_store(tmp_path / "store").manifests == ()


def test_a_push_gets_the_foreign_layer_of_a_base_from_where_it_lies(
    held: Registry, elsewhere: Server, tmp_path: Path
) -> None:
    with open_layout(tmp_path / "made") as made:
        layer = old_windows(made, held, elsewhere)
    known = docker_config(tmp_path, held.domain, USER, PASSWORD)
    with (
        registry(tmp_path / "registry") as served,
        open_registries(Settings(), known) as found,
        open_layout(tmp_path / "store") as store,
    ):
        base = fetch_base(Reference(held.domain, "x", "1"), Platform("amd64", "windows"), store, found)
        stands_on = {BASE_NAME: f"{held.domain}/x:1", BASE_DIGEST: base.descriptor.digest}
        config = base.manifest.value.config
        manifest = Manifest(2, config, ordinary_layers(base), media_type=MANIFEST, annotations=stands_on)
        image = store.write_image(base.config, write_document(manifest))
        store.tag([served.name("windows:1")], image.descriptor)
        push_image(served.name("windows:1"), store, found, QUIET)
        assert served.blob(layer).is_file()
        assert not store.has_blob(layer)
