"""Stores for tests: images made in memory, and a check that a store on disk is whole."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from brewhouse.build.layer import Member, pack_members
from brewhouse.model import Image
from brewhouse.oci.digest import Digest, hex_part
from brewhouse.oci.document import (
    CONFIG,
    INDEX_TYPES,
    MANIFEST,
    MANIFEST_TYPES,
    ContainerConfig,
    Descriptor,
    History,
    ImageConfig,
    Index,
    Manifest,
    RootFS,
    read_document,
    write_document,
)
from brewhouse.oci.platform import PLATFORMS, Platform, host_arch
from brewhouse.system.archive.tar import Entry
from brewhouse.system.store.layout import Layout

CREATED = "2026-01-02T03:04:05Z"
_VISIBLE = {
    "alone.lock", "blobs", "cache", "downloads", "index.json", "index.lock", "lock", "locks", "logs", "oci-layout",
    "snapshots", "tmp", "tmp.lock", "volumes",
}  # fmt: skip


def files(**contents: str) -> list[Member]:
    """Return members for files in the root: files(motd="hello")."""
    return [Member(Entry(name, size=len(text.encode())), text.encode()) for name, text in contents.items()]


def make_image(
    layout: Layout,
    names: Sequence[str],
    layers: Sequence[Sequence[Member]],
    config: ContainerConfig | None = None,
    platform: Platform | None = None,
) -> Image:
    """Store an image of these layers under these names."""
    packed = [pack_members(members, layout) for members in layers]
    platform = platform or PLATFORMS[host_arch()]
    document = write_document(
        ImageConfig(
            platform.architecture,
            platform.os,
            created=CREATED,
            os_version=platform.os_version,
            variant=platform.variant,
            config=config or ContainerConfig(cmd=("sh",)),
            rootfs=RootFS(diff_ids=tuple(layer.diff_id for layer in packed)),
            history=(
                *(History(CREATED, f"COPY layer{number} / # buildkit") for number in range(len(packed))),
                History(CREATED, 'CMD ["sh"]', comment="buildkit.dockerfile.v0", empty_layer=True),
            ),
        )
    )
    manifest = Manifest(
        2, document.descriptor(CONFIG), tuple(layer.descriptor for layer in packed), media_type=MANIFEST
    )
    image = layout.write_image(document, write_document(manifest))
    layout.tag(names, image.descriptor)
    return image


def check_store(root: Path) -> Index:
    """Check every blob of a store against its name, and that all that its index reaches is there; return the index.

    Nothing temporary may be seen outside of tmp/, and no snapshot that is not named by a digest.
    """
    assert {path.name for path in root.iterdir()} <= _VISIBLE
    assert b'"imageLayoutVersion":"1.0.0"' in (root / "oci-layout").read_bytes()
    blobs = {path.name: path for path in (root / "blobs" / "sha256").iterdir()}
    for name, path in blobs.items():
        with path.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == name, f"blob {name} is damaged"
    for snapshot in (root / "snapshots").iterdir():
        assert re.fullmatch(r"[0-9a-f]{64}", snapshot.name), f"{snapshot} is no snapshot"
    index = msgspec.json.decode((root / "index.json").read_bytes(), type=Index)
    for entry in index.manifests:
        _check_descriptor(entry, blobs)
    return index


def _check_descriptor(descriptor: Descriptor, blobs: dict[str, Path]) -> None:
    path = blobs.get(hex_part(Digest(descriptor.digest)))
    assert path, f"blob {descriptor.digest} is missing"
    assert path.stat().st_size == descriptor.size
    if descriptor.media_type in INDEX_TYPES:
        for entry in read_document(path.read_bytes(), Index, path.name).value.manifests:
            _check_descriptor(entry, blobs)
    if descriptor.media_type in MANIFEST_TYPES:
        manifest = read_document(path.read_bytes(), Manifest, path.name).value
        for below in (manifest.config, *manifest.layers):
            _check_descriptor(below, blobs)
