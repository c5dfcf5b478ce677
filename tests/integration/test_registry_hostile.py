"""Content that means harm is refused in bounded time and memory, and leaves nothing in the store."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.faults import PASSWORD, USER, Registry, serving
from tests.support.registry import docker_config
from tests.support.store import check_store

from brewhouse.errors import BrewError
from brewhouse.oci.document import INDEX, MANIFEST
from brewhouse.oci.reference import Reference
from brewhouse.publish.transfer import pull_image
from brewhouse.system.progress.log import Progress, Quiet
from brewhouse.system.registry.client import SCHEMA_1
from brewhouse.system.registry.registries import open_registries
from brewhouse.system.registry.settings import Settings
from brewhouse.system.store.layout import open_layout

QUIET = Progress(Quiet())
DIGEST = "sha256:" + "0" * 64
_MOST_SECONDS = 10
_MOST_KB = 64_000


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving(Registry(0)) as served:
        yield served


def descriptor(media_type: str, size: int = 1, digest: str = DIGEST) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def manifest(layers: int = 1, **changed: object) -> bytes:
    config = descriptor("application/vnd.oci.image.config.v1+json")
    layer = descriptor("application/vnd.oci.image.layer.v1.tar+gzip")
    return json.dumps(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] * layers, **changed}
    ).encode()


def nested_indexes(registry: Registry) -> bytes:
    """Return an index that holds an index that holds an index, and so on."""
    raw = manifest()
    kind = MANIFEST
    for _ in range(10):
        digest = registry.put_manifest(raw, kind, "below")
        entry = {**descriptor(kind, len(raw), digest), "platform": {"architecture": "amd64", "os": "linux"}}
        raw, kind = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode(), INDEX
    return raw


def sized(size: int) -> Callable[[Registry], bytes]:
    return lambda _: manifest(config=descriptor("application/vnd.oci.image.config.v1+json", size))


CASES: dict[str, tuple[Callable[[Registry], bytes], str]] = {
    "100 MB of manifest": (lambda _: b"{" + b" " * 100_000_000 + b"}", "sent more than"),
    "deep nesting": (lambda _: b'{"schemaVersion": 2, "annotations": ' + b"[" * 2_000_000, "is no manifest"),
    "deep nesting of what nobody reads": (lambda _: b'{"x": ' + b'{"x":' * 500_000, "is no manifest"),
    "a million layers": (lambda _: manifest(1_000_000), "sent more than"),
    "as many layers as fit": (lambda _: manifest(20_000), "has 20000 layers; no more than"),
    "indexes in indexes": (nested_indexes, "neither an image nor an index|index below|is not"),
    "a size below zero": (sized(-1), "size below zero"),
    "a config of a terabyte": (sized(1 << 40), "is larger than"),
    "a size that is no number": (lambda _: manifest(config={"size": "x"}), "is not a valid manifest"),
    "a digest that leads out": (
        lambda _: manifest(config=descriptor("application/vnd.oci.image.config.v1+json", 1, "sha256:../../etc/passwd")),
        "is not a sha256 digest",
    ),
    "an empty document": (lambda _: b"", "is no manifest"),
    "no JSON": (lambda _: b"<html>", "is no manifest"),
    "JSON of another kind": (lambda _: b"[1, 2]", "is no manifest"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_manifest_is_refused(name: str, registry: Registry, tmp_path: Path) -> None:
    make, text = CASES[name]
    raw = make(registry)
    registry.put_manifest(raw, INDEX if b'"manifests"' in raw[:200] else MANIFEST, "1")
    environment = docker_config(tmp_path, registry.domain, USER, PASSWORD)
    begun = time.monotonic()
    with (
        open_layout(tmp_path / "store") as layout,
        open_registries(Settings(), environment) as found,
        pytest.raises(BrewError, match=text),
    ):
        pull_image(Reference(registry.domain, "x", "1"), None, layout, found, QUIET)
    assert time.monotonic() - begun < _MOST_SECONDS
    assert check_store(tmp_path / "store").manifests == ()
    assert not list((tmp_path / "store" / "blobs" / "sha256").iterdir())


@pytest.mark.parametrize("kind", [*sorted(SCHEMA_1), "application/json"])
def test_a_manifest_of_schema_1_is_refused_with_the_reason_and_the_mend(
    kind: str, registry: Registry, tmp_path: Path
) -> None:
    old = {
        "schemaVersion": 1, "name": "library/busybox", "tag": "1", "architecture": "amd64",
        "fsLayers": [{"blobSum": DIGEST}], "history": [{"v1Compatibility": '{"id": "1"}'}],
        "signatures": [{"header": {"alg": "ES256"}, "signature": "x", "protected": "y"}],
    }  # fmt: skip
    registry.put_manifest(json.dumps(old, indent=3).encode(), kind, "1")
    environment = docker_config(tmp_path, registry.domain, USER, PASSWORD)
    words = ["brewhouse", "--store", str(tmp_path / "store")]
    name = f"{registry.domain}/x:1"
    for rest in (["pull", name], ["copy", name, f"oci:{tmp_path}/layout"], ["index", "inspect", name]):
        done = subprocess.run(
            [sys.executable, "-m", *words, *rest], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert f"{name} has a manifest of schema 1, which cannot be checked" in done.stderr
        assert "push it anew" in done.stderr
        assert done.stdout == ""


def test_a_manifest_of_100_mb_costs_no_memory(registry: Registry, tmp_path: Path) -> None:
    registry.put_manifest(b"{" + b" " * 100_000_000 + b"}", MANIFEST, "1")
    environment = docker_config(tmp_path, registry.domain, USER, PASSWORD)
    words = ["brewhouse", "--store", str(tmp_path / "store"), "pull", f"{registry.domain}/x:1"]
    text = (
        "import sys\nfrom brewhouse.cli.main import main\n"
        f"sys.argv = {words!r}\n"
        "try:\n    main()\nexcept SystemExit as end:\n    status = end.code\n"
        "peak = [line for line in open('/proc/self/status') if line.startswith('VmHWM')][0]\n"
        "print(status, peak.split()[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, check=True)
    status, peak_kb = map(int, done.stdout.split())
    assert (status, peak_kb < _MOST_KB) == (1, True), done
