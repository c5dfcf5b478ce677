"""Every run against a registry that fails ends in a whole image or in one error, never in something between."""

import hashlib
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.faults import PASSWORD, USER, Fault, Registry, serving
from tests.support.registry import docker_config
from tests.support.store import check_store, files, make_image

from brewhouse.errors import BrewError, RegistryError
from brewhouse.oci.digest import digest_of
from brewhouse.oci.document import LAYER_GZIP, MANIFEST, Descriptor
from brewhouse.oci.reference import Reference, parse_reference
from brewhouse.publish.transfer import pull_image, push_image
from brewhouse.system.progress.log import Progress, Quiet
from brewhouse.system.registry.registries import Registries, open_registries
from brewhouse.system.registry.settings import RegistrySettings, Settings
from brewhouse.system.registry.upload import upload_blob
from brewhouse.system.store.layout import Layout, open_layout

QUIET = Progress(Quiet())
PAUSES = (0.001, 0.001, 0.001, 0.001)
RUNS = 120
_BATCH = 20


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with an image of two layers, `x:1`."""
    root = tmp_path_factory.mktemp("image") / "store"
    content = random.Random(1).randbytes(30_000).hex()  # noqa: S311 - the same bytes each time
    with open_layout(root) as layout:
        make_image(layout, ["x:1"], [files(a="small"), files(b=content)])
    return root


def environment(folder: Path, registry: Registry) -> Mapping[str, str]:
    return docker_config(folder, registry.domain, USER, PASSWORD)


def settings(registry: Registry, chunk_mb: int = 0) -> Settings:
    return Settings({registry.domain: RegistrySettings(chunk_mb=chunk_mb)}, pauses_seconds=PAUSES)


def fill(registry: Registry, store: Path) -> str:
    """Put the image into the registry without a request; return its digest."""
    with open_layout(store) as layout:
        entry = layout.names()["x:1"]
        made = layout.image(entry)
        for blob in (*made.manifest.value.layers, made.manifest.value.config):
            registry.put_blob(layout.blob_path(blob.digest).read_bytes())
        return registry.put_manifest(made.manifest.raw, MANIFEST, "1")


@pytest.mark.parametrize("batch", range(RUNS // _BATCH))
def test_a_pull_ends_whole_or_in_one_error(batch: int, image: Path, tmp_path: Path) -> None:
    outcomes = set()
    for seed in range(batch * _BATCH, (batch + 1) * _BATCH):
        registry = Registry(seed, rate=0.35, most=1 + seed % 12)
        digest = fill(registry, image)
        store = tmp_path / str(seed)
        with serving(registry) as served, open_registries(settings(served), environment(tmp_path, served)) as found:
            outcomes.add(_pull(Reference(served.domain, "x", "1"), store, found, digest))
        assert registry.elsewhere_headers == []
    assert True in outcomes, "some runs must get through"


def _pull(reference: Reference, store: Path, found: Registries, digest: str) -> bool:
    """Pull, check what came of it, and return whether it is there."""
    try:
        with open_layout(store) as layout:
            pull_image(reference, None, layout, found, QUIET)
    except BrewError as error:
        _check_error(error)
        assert check_store(store).manifests == ()
        return False
    (entry,) = check_store(store).manifests
    assert entry.digest == digest
    return True


@pytest.mark.parametrize("batch", range(RUNS // _BATCH))
def test_a_push_ends_whole_or_in_one_error(batch: int, image: Path, tmp_path: Path) -> None:
    outcomes = set()
    for seed in range(batch * _BATCH, (batch + 1) * _BATCH):
        registry = Registry(1000 + seed, rate=0.35, most=1 + seed % 12)
        with (
            serving(registry) as served,
            open_registries(settings(served), environment(tmp_path, served)) as found,
            open_layout(image) as layout,
        ):
            name = f"{served.domain}/x:1"
            layout.tag([name], layout.names()["x:1"])
            outcomes.add(_push(name, layout, found, registry))
        assert registry.elsewhere_headers == []
        check_store(image)
    assert True in outcomes, "some runs must get through"


def _push(name: str, layout: Layout, found: Registries, registry: Registry) -> bool:
    """Push, check what the registry has then, and return whether the tag is there."""
    try:
        push_image(name, layout, found, QUIET)
    except BrewError as error:
        _check_error(error)
        if "1" not in registry.tags:
            return False
    made = layout.image(layout.names()["x:1"])
    assert registry.manifests[registry.tags["1"]][1] == made.manifest.raw
    for blob in (*made.manifest.value.layers, made.manifest.value.config):
        assert hashlib.sha256(registry.blobs[blob.digest]).hexdigest() == blob.digest.removeprefix("sha256:")
    return True


def _check_error(error: BrewError) -> None:
    assert error.message
    assert "\n" not in error.message
    assert "Traceback" not in error.message


@pytest.mark.parametrize("fault", ["cut body", "no ranges", "lie length", "truncate"])
def test_a_broken_download_goes_on_where_it_ended(fault: Fault, image: Path, tmp_path: Path) -> None:
    registry = Registry(7)
    digest = fill(registry, image)
    with serving(registry) as served, open_registries(settings(served), environment(tmp_path, served)) as found:
        registry.rate, registry.left = 1.0, 0
        reference = Reference(served.domain, "x", "1")
        found.get(served.domain).fetch("x", "1")
        registry.faults, registry.left = (fault,), 3
        _pull(reference, tmp_path / "store", found, digest)
        registry.left = 0
        assert _pull(reference, tmp_path / "store", found, digest)


@pytest.mark.parametrize("chunk_bytes", [0, 1000])
def test_an_upload_outlives_its_token_and_its_connection(chunk_bytes: int, tmp_path: Path) -> None:
    content = random.Random(2).randbytes(20_000)  # noqa: S311 - the same bytes each time
    blob = Descriptor(LAYER_GZIP, digest_of(content), len(content))
    registry = Registry(3, rate=0.5, most=4, faults=("expire", "cut body", "forget upload"))
    with serving(registry) as served, open_registries(settings(served), environment(tmp_path, served)) as found:
        client = found.get(served.domain)
        client.chunk_bytes = chunk_bytes
        pieces = [content[at : at + 512] for at in range(0, len(content), 512)]
        upload_blob(client, "x", blob, lambda: iter(pieces), lambda _: None)
    assert registry.shown
    assert registry.blobs == {blob.digest: content}


def test_a_killed_pull_goes_on_where_it_ended(image: Path, tmp_path: Path) -> None:
    registry = Registry(0)
    fill(registry, image)
    largest = max(registry.blobs, key=lambda digest: len(registry.blobs[digest]))
    content = registry.blobs[largest]
    with serving(registry) as served, open_registries(settings(served), environment(tmp_path, served)) as found:
        for left in (content[:9000], b"wrong" + content[5:9000], content + b"more"):
            store = tmp_path / str(len(left) + left[0])
            with open_layout(store) as layout:
                partial = layout.downloads / "partial" / largest.removeprefix("sha256:")
                partial.parent.mkdir()
                partial.write_bytes(left)
                pull_image(Reference(served.domain, "x", "1"), None, layout, found, QUIET)
            check_store(store)


def test_credentials_do_not_follow_a_redirect_to_another_host(image: Path, tmp_path: Path) -> None:
    registry = Registry(0, rate=1.0, most=100, faults=("redirect",))
    digest = fill(registry, image)
    with serving(registry) as served, open_registries(settings(served), environment(tmp_path, served)) as found:
        assert _pull(Reference(served.domain, "x", "1"), tmp_path / "store", found, digest)
    assert registry.shown.count("redirect") > 3
    assert registry.elsewhere_headers == []


def test_credentials_do_not_follow_an_upload_to_another_host(image: Path, tmp_path: Path) -> None:
    registry = Registry(0, rate=1.0, most=100, faults=("upload elsewhere",))
    with (
        serving(registry) as served,
        open_registries(settings(served), environment(tmp_path, served)) as found,
        open_layout(image) as layout,
    ):
        name = f"{served.domain}/x:1"
        layout.tag([name], layout.names()["x:1"])
        assert _push(name, layout, found, registry)
    assert registry.shown.count("upload elsewhere") > 2
    assert registry.elsewhere_headers == []


def test_a_registry_that_never_gets_well_is_given_up(image: Path, tmp_path: Path) -> None:
    cases: list[tuple[Fault, str]] = [("busy", "answered 429"), ("unavailable", "answered 503"), ("cut", "127.0.0.1")]
    for fault, text in cases:
        registry = Registry(0, rate=1.0, most=10_000, faults=(fault,))
        fill(registry, image)
        with (
            serving(registry) as served,
            open_registries(settings(served), environment(tmp_path, served)) as found,
            open_layout(tmp_path / "store") as layout,
            pytest.raises(RegistryError, match=text),
        ):
            pull_image(parse_reference(f"{served.domain}/x:1"), None, layout, found, QUIET)
        assert len(registry.shown) == len(PAUSES) + 1
