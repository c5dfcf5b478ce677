"""What names of the store reach: blobs, and the snapshots of images."""

from collections.abc import Iterable
from contextlib import suppress

import msgspec

from brewhouse.errors import InputError, StoreError
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    read_document,
)
from brewhouse.system.store.layout import Layout
from brewhouse.system.store.snapshot import chain_ids


class Reach(msgspec.Struct, frozen=True):
    """What entries of an index reach: blobs by digest, snapshots by diff_id or chain id."""

    blobs: set[Digest]
    snapshots: set[Digest]


def reached(layout: Layout, entries: Iterable[Descriptor]) -> Reach:
    """Return what `entries` reach; what is damaged reaches nothing."""
    reach = Reach(set(), set())
    left = list(entries)
    while left:
        descriptor = left.pop()
        if descriptor.digest not in reach.blobs:
            reach.blobs.add(descriptor.digest)
            with suppress(StoreError, InputError):
                left += _next(layout, descriptor, reach)
    return reach


def _next(layout: Layout, descriptor: Descriptor, reach: Reach) -> list[Descriptor]:
    """Return what a document names, and add the snapshots of an image to `reach`."""
    name = f"blob {descriptor.digest}"
    if descriptor.media_type in INDEX_TYPES:
        return list(read_document(layout.read_blob(descriptor), Index, name).value.manifests)
    if descriptor.media_type not in MANIFEST_TYPES:
        return []
    manifest = read_document(layout.read_blob(descriptor), Manifest, name).value
    with suppress(StoreError, InputError):
        config = read_document(layout.read_blob(manifest.config), ImageConfig, name).value
        reach.snapshots.update(config.rootfs.diff_ids, chain_ids(config.rootfs.diff_ids))
    return [manifest.config, *manifest.layers]
