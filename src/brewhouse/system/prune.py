"""What no name of the store reaches, found and removed: blobs, snapshots, build cache.

Leftovers of killed processes are no matter of this: opening a store removes them.
"""

import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from brewhouse.errors import InputError, StoreError
from brewhouse.oci.digest import Digest, hex_part
from brewhouse.oci.document import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    REF_NAME,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    read_document,
)
from brewhouse.system.layout import Layout, alone, remove_tree
from brewhouse.system.snapshot import chain_ids

# Folders of the cache whose files are small records that name blobs; all else in the cache can be made again.
_RECORDS = ("layers", "steps", "debian/images")
_LARGEST_RECORD_BYTES = 1 << 16
_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")
_BLOB = re.compile(rb'"digest":\s*"(sha256:[0-9a-f]{64})"')


class Reach(msgspec.Struct, frozen=True):
    """What entries of an index reach: blobs by digest, snapshots by diff_id or chain id."""

    blobs: set[Digest]
    snapshots: set[Digest]


class Garbage(msgspec.Struct, frozen=True):
    """Something to be removed: "snapshot", what it is called, its bytes on disk, and where it is."""

    kind: str
    name: str
    size_bytes: int
    paths: tuple[Path, ...] = ()


def find_garbage(layout: Layout, *, downloads: bool = False) -> list[Garbage]:
    """Return what can go because no name reaches it, in the order in which it must go; downloads too if wished."""
    entries = layout.index().manifests
    reach = reached(layout, (entry for entry in entries if REF_NAME in entry.annotations))
    found = [Garbage("image", hex_part(entry.digest), 0) for entry in entries if REF_NAME not in entry.annotations]
    found += _cache_garbage(layout.cache, "", reach)
    for folder in sorted(layout.snapshots.iterdir()):
        if Digest(f"sha256:{folder.name}") not in reach.snapshots:
            found.append(Garbage("snapshot", folder.name, disk_bytes(folder), (folder,)))
    for blob in sorted(layout.blobs.iterdir()):
        if Digest(f"sha256:{blob.name}") not in reach.blobs:
            found.append(Garbage("blob", blob.name, disk_bytes(blob), (blob,)))
    if downloads:
        for file in sorted(layout.downloads.iterdir()):
            found.append(Garbage("download", file.name, disk_bytes(file), (file,)))
    return found


def remove_garbage(layout: Layout, *, downloads: bool = False) -> list[Garbage]:
    """Remove what `find_garbage` finds, and return it; raises InputError where another process uses the store.

    Killed at any moment, it leaves a whole store: entries go before what they reach, and folders by rename.
    """
    with alone(layout):
        found = find_garbage(layout, downloads=downloads)
        layout.change_index(_without_nameless)
        for garbage in found:
            for path in garbage.paths:
                _remove(layout, path)
    return found


def remove_images(layout: Layout, digests: Iterable[Digest]) -> None:
    """Remove entries of the index with all their names, and what only they reach.

    What the build cache names stays for the next build, until `prune`. Where another process uses the store, all but
    the entries stays until then.
    """
    gone = set(digests)
    before = reached(layout, [entry for entry in layout.index().manifests if entry.digest in gone])

    def change(index: Index) -> Index:
        kept = tuple(entry for entry in index.manifests if entry.digest not in gone)
        return msgspec.structs.replace(index, manifests=kept)

    layout.change_index(change)
    with suppress(InputError), alone(layout):
        after = reached(layout, layout.index().manifests)
        cached = _cached(layout)
        for digest in sorted(before.snapshots - after.snapshots - cached):
            _remove(layout, layout.snapshots / hex_part(digest))
        for digest in sorted(before.blobs - after.blobs - cached):
            _remove(layout, layout.blob_path(digest))


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


def disk_bytes(path: Path) -> int:
    """Return the bytes that a file, or a folder with all in it, takes on disk."""
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return status.st_blocks * 512
    return status.st_blocks * 512 + sum(disk_bytes(child) for child in path.iterdir())


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


def _cache_garbage(folder: Path, name: str, reach: Reach) -> Iterator[Garbage]:
    """Yield what is in a folder of the cache, but for records of blobs that are reached."""
    for child in sorted(folder.iterdir()):
        below = f"{name}{child.name}"
        if below in _RECORDS:
            stale = tuple(record for record in sorted(child.iterdir()) if not _is_current(record, reach))
            if stale:
                yield Garbage("build cache", f"{below}: {len(stale)} records", sum(map(disk_bytes, stale)), stale)
        elif any(record.startswith(f"{below}/") for record in _RECORDS):
            yield from _cache_garbage(child, f"{below}/", reach)
        else:
            yield Garbage("build cache", below, disk_bytes(child), (child,))


def _is_current(record: Path, reach: Reach) -> bool:
    blobs = _BLOB.findall(_read_record(record))
    return bool(blobs) and all(Digest(blob.decode()) in reach.blobs for blob in blobs)


def _cached(layout: Layout) -> set[Digest]:
    """Return all digests that records of build steps name."""
    folder = layout.cache / "steps"
    records = folder.iterdir() if folder.is_dir() else ()
    return {Digest(digest.decode()) for record in records for digest in _DIGEST.findall(_read_record(record))}


def _read_record(record: Path) -> bytes:
    with record.open("rb") as file:
        return file.read(_LARGEST_RECORD_BYTES)


def _without_nameless(index: Index) -> Index:
    kept = tuple(entry for entry in index.manifests if REF_NAME in entry.annotations)
    return msgspec.structs.replace(index, manifests=kept)


def _remove(layout: Layout, path: Path) -> None:
    """Remove a file or a folder, by renaming it first: half a folder must not be met under its name."""
    doomed = layout.tmp / secrets.token_hex(8)
    with suppress(FileNotFoundError):
        path.rename(doomed)
        remove_tree(doomed) if doomed.is_dir() and not doomed.is_symlink() else doomed.unlink()
