"""Layers that mean harm, pulled and unpacked: refused or confined, in bounded time and room."""

import gzip
import hashlib
import io
import os
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.faults import PASSWORD, USER, Registry, serving
from tests.support.registry import docker_config
from tests.support.store import check_store

from brewhouse.errors import BrewError
from brewhouse.model import Image
from brewhouse.oci.digest import digest_of, parse_digest
from brewhouse.oci.document import (
    CONFIG,
    LAYER_GZIP,
    LAYER_ZSTD,
    MANIFEST,
    Descriptor,
    ImageConfig,
    Manifest,
    RootFS,
    write_document,
)
from brewhouse.oci.platform import PLATFORMS, host_arch
from brewhouse.oci.reference import Reference
from brewhouse.publish.transfer import pull_image
from brewhouse.system.archive.zstandard import zstd
from brewhouse.system.progress.log import Progress, Quiet
from brewhouse.system.registry.registries import open_registries
from brewhouse.system.registry.settings import Settings
from brewhouse.system.store.layout import Layout, open_layout
from brewhouse.system.store.snapshot import Snapshots

_MOST_SECONDS = 20
_MOST_BYTES = 100 << 20
_TERABYTE = 1 << 40
_BLOCK = 512


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving(Registry(0)) as served:
        yield served


def info(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname, made.mode = kind, size, target, 0o755
    made.uid, made.gid = os.getuid(), os.getgid()
    made.devmajor, made.devminor = 1, 3
    return made


def tar(*members: tarfile.TarInfo, pax: dict[str, str] | None = None) -> bytes:
    """Return a tar of members without content, whatever they say of their size."""
    heads = []
    for member in members:
        member.pax_headers = pax or {}
        heads.append(member.tobuf(tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT))
    return b"".join(heads) + bytes(2 * _BLOCK)


def whole(*members: tarfile.TarInfo) -> bytes:
    """Return a tar in which every file holds its own name."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member in members:
            member.size = len(member.name) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(member.name.encode()))
    return out.getvalue()


def long_pax(size: int) -> bytes:
    """Return a tar that begins with a PAX header of `size` bytes."""
    return info("pax", b"x", size).tobuf() + bytes(size) + tar(info("x"))


# What is refused, and by which words.
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a hard link out of the root": (lambda: tar(info("x", tarfile.LNKTYPE, target="../../etc/passwd")), "No such file"),
    "a link to itself": (
        lambda: whole(info("a", tarfile.SYMTYPE, target="b"), info("b", tarfile.SYMTYPE, target="a"), info("a/x")),
        "too many links",
    ),
    "folders without end": (lambda: whole(info("d/" * 5000 + "x")), "nests folders|name too long"),
    "a file of a terabyte": (lambda: tar(info("x", size=_TERABYTE)), "holds more than"),
    "a PAX header that says a terabyte": (lambda: tar(info("x"), pax={"size": str(_TERABYTE)}), "holds more than"),
    "a sparse file of a terabyte": (
        lambda: tar(info("x"), pax={"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "x",
                                    "GNU.sparse.size": str(_TERABYTE), "GNU.sparse.map": f"{_TERABYTE},0"}),
        "holds more than",
    ),
    "a size below zero": (lambda: tar(info("x"), pax={"size": "-1"}), "layer"),
    "a sparse map that runs backwards": (
        lambda: tar(info("x"), pax={"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "x",
                                    "GNU.sparse.size": "9", "GNU.sparse.map": "5,3,1,2"}),
        "layer",
    ),
    "a PAX header of 100 MB": (lambda: long_pax(100_000_000), "layer"),
    "a name with a zero": (lambda: tar(info("x"), pax={"path": "a\0b"}), "layer"),
    "no tar": (lambda: b"this is no tar " * 100, "layer"),
    "a tar that was cut": (lambda: whole(info("x"))[:600], "layer"),
}  # fmt: skip
# What is unpacked as in a container: nothing leaves the root.
CONFINED: dict[str, Callable[[], bytes]] = {
    "two points": lambda: whole(info("../../../../escaped")),
    "an absolute name": lambda: whole(info("/escaped")),
    "points in the middle": lambda: whole(info("a/../../../escaped")),
    "a link to the root": lambda: whole(info("up", tarfile.SYMTYPE, target="/"), info("up/escaped")),
    "a link up": lambda: whole(info("up", tarfile.SYMTYPE, target="../../../.."), info("up/escaped")),
    "a link in a link": lambda: whole(
        info("a", tarfile.SYMTYPE, target="b/.."), info("b", tarfile.SYMTYPE, target="/.."), info("a/escaped")
    ),
}


def hold(registry: Registry, layer: bytes, diff_id: str, kind: str = LAYER_GZIP) -> None:
    """Put an image of one layer into the registry."""
    platform = PLATFORMS[host_arch()]
    rootfs = RootFS(diff_ids=(parse_digest(diff_id),))
    config = write_document(ImageConfig(platform.architecture, platform.os, rootfs=rootfs))
    blob = Descriptor(kind, digest_of(layer), len(layer))
    manifest = write_document(Manifest(2, config.descriptor(CONFIG), (blob,), MANIFEST))
    for content in (layer, config.raw):
        registry.put_blob(content)
    registry.put_manifest(manifest.raw, MANIFEST, "1")


def pull(registry: Registry, layout: Layout, folder: Path) -> Image:
    known = docker_config(folder, registry.domain, USER, PASSWORD)
    with open_registries(Settings(), known) as found:
        return pull_image(Reference(registry.domain, "x", "1"), None, layout, found, Progress(Quiet())).image


def used_bytes(folder: Path) -> int:
    return sum(path.lstat().st_blocks * _BLOCK for path in folder.rglob("*"))


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_layer_is_refused(name: str, registry: Registry, tmp_path: Path) -> None:
    make, text = REFUSED[name]
    raw = make()
    hold(registry, gzip.compress(raw, 1), digest_of(raw))
    begun = time.monotonic()
    with open_layout(tmp_path / "store") as layout:
        image = pull(registry, layout, tmp_path)
        with pytest.raises(BrewError, match=f"(?i){text}") as error:
            Snapshots(layout).ensure(image)
        assert "\n" not in error.value.message
        assert list(layout.snapshots.iterdir()) == []
    assert time.monotonic() - begun < _MOST_SECONDS
    assert used_bytes(tmp_path) < _MOST_BYTES
    check_store(tmp_path / "store")


@pytest.mark.parametrize("name", CONFINED)
def test_what_leads_out_of_a_layer_stays_in_it(name: str, registry: Registry, tmp_path: Path) -> None:
    raw = CONFINED[name]()
    hold(registry, gzip.compress(raw), digest_of(raw))
    with open_layout(tmp_path / "store") as layout:
        (snapshot,) = Snapshots(layout).ensure(pull(registry, layout, tmp_path))
        assert (snapshot / "escaped").is_file()
        assert [path for path in tmp_path.rglob("escaped") if snapshot not in path.parents] == []
    assert not Path("/escaped").exists()
    check_store(tmp_path / "store")


def test_a_layer_that_is_not_what_its_config_says_is_refused(registry: Registry, tmp_path: Path) -> None:
    hold(registry, gzip.compress(whole(info("x"))), digest_of(b"something else"))
    with open_layout(tmp_path / "store") as layout:
        image = pull(registry, layout, tmp_path)
        with pytest.raises(BrewError, match="holds a tar with another diff_id"):
            Snapshots(layout).ensure(image)


@pytest.mark.parametrize("kind", [LAYER_GZIP, LAYER_ZSTD])
def test_a_bomb_costs_neither_time_nor_room(kind: str, registry: Registry, tmp_path: Path) -> None:
    # A file of a terabyte: what is there of it is zeros, which both forms make very small.
    head, zeros = tar(info("bomb", size=_TERABYTE))[:_BLOCK], bytes(64 << 20)
    raw = gzip.compress(head + zeros, 9) if kind == LAYER_GZIP else zstd.compress(head + zeros, 19)
    assert len(raw) < 100_000
    hold(registry, raw, "sha256:" + hashlib.sha256(head + zeros).hexdigest(), kind)
    begun = time.monotonic()
    with open_layout(tmp_path / "store") as layout:
        image = pull(registry, layout, tmp_path)
        with pytest.raises(BrewError, match="holds more than"):
            Snapshots(layout).ensure(image)
    assert time.monotonic() - begun < _MOST_SECONDS
    assert used_bytes(tmp_path) < _MOST_BYTES
