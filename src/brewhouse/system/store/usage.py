"""What takes space in a store: images without a name, blobs, snapshots, the build cache; and when it was last used.

Whatever a build finds in the cache is touched, so that what has not been used for long is known by its times.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import msgspec

from brewhouse.oci.digest import Digest, hex_part
from brewhouse.oci.document import REF_NAME, Descriptor
from brewhouse.system.store.layout import Layout
from brewhouse.system.store.reach import Reach, reached

CACHE_MOUNT = "cache mount"
_RECORD = "record"
# Folders of the cache whose files are small records that name blobs; all else in the cache can be made again.
_RECORDS = ("layers", "steps", "debian/images")
_MOUNTS, _CHECKOUTS = "mounts", "git"
_LARGEST_RECORD_BYTES = 1 << 16
_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")
_BLOB = re.compile(rb'"digest":\s*"(sha256:[0-9a-f]{64})"')

Uses: TypeAlias = Mapping[Digest, float]
"""When a blob or snapshot was last used by the build cache, by digest or diff_id; seconds since 1970."""


class Item(msgspec.Struct, frozen=True):
    """Something that takes space: "snapshot", what it is called, its bytes on disk, and where it is.

    `used` is when it was last of use, in seconds since 1970; what a name reaches is not `reclaimable`.
    """

    kind: str
    name: str
    size_bytes: int
    used: float = 0
    paths: tuple[Path, ...] = ()
    reclaimable: bool = True


def list_items(layout: Layout, *, everything: bool = False, later_than: float | None = None) -> list[Item]:
    """Return what can go, in the order in which it must go; with `everything` what is in use too.

    An image without a name counts as in use if it was made `later_than` that time.
    """
    entries = layout.index().manifests
    nameless = [_image(layout, entry) for entry in entries if REF_NAME not in entry.annotations]
    kept = [item.name for item in nameless if later_than is not None and item.used > later_than]
    reach = reached(
        layout, (entry for entry in entries if REF_NAME in entry.annotations or hex_part(entry.digest) in kept)
    )
    uses = _uses(layout)
    found = [
        *(msgspec.structs.replace(item, reclaimable=item.name not in kept) for item in nameless),
        *_of_cache(layout.cache, "", reach, uses),
    ]
    for kind, folder, used in (("snapshot", layout.snapshots, reach.snapshots), ("blob", layout.blobs, reach.blobs)):
        for path in sorted(folder.iterdir()):
            digest = Digest(f"sha256:{path.name}")
            if everything or digest not in used:
                found.append(_item(kind, path, max(path.stat().st_ctime, uses.get(digest, 0)), digest not in used))
    found += [_item("download", path, path.stat().st_mtime) for path in sorted(layout.downloads.iterdir())]
    return [item for item in found if everything or item.reclaimable]


def cached_digests(layout: Layout) -> set[Digest]:
    """Return all digests that records of build steps name."""
    return set(_uses(layout))


def grouped(items: Sequence[Item]) -> list[Item]:
    """Return items with the records of each folder as one: "steps: 12 records"."""
    found = [item for item in items if item.kind != _RECORD]
    folders: dict[tuple[str, bool], list[Item]] = {}
    for item in items:
        if item.kind == _RECORD:
            folders.setdefault((item.name.rpartition("/")[0], item.reclaimable), []).append(item)
    for (folder, reclaimable), records in folders.items():
        name = f"{folder}: {len(records)} record{'s' if len(records) > 1 else ''}"
        used = max(record.used for record in records)
        found.append(Item("build cache", name, total_bytes(records), used, reclaimable=reclaimable))
    return found


def disk_bytes(path: Path) -> int:
    """Return the bytes that a file, or a folder with all in it, takes on disk."""
    total, left = 0, [str(path)]
    while left:
        place = left.pop()
        with suppress(OSError):  # cache mounts may hold folders so deep that they have no path
            status = os.lstat(place)
            total += status.st_blocks * 512
            if stat.S_ISDIR(status.st_mode):
                left += [entry.path for entry in os.scandir(place)]
    return total


def _item(kind: str, path: Path, used: float, reclaimable: bool = True) -> Item:  # noqa: FBT001, FBT002 - read in a column
    return Item(kind, path.name, disk_bytes(path), used, (path,), reclaimable)


def _image(layout: Layout, entry: Descriptor) -> Item:
    path = layout.blob_path(entry.digest)
    return Item("image", hex_part(entry.digest), 0, path.stat().st_ctime if path.is_file() else 0)


def _of_cache(folder: Path, name: str, reach: Reach, uses: Uses) -> Iterator[Item]:
    """Yield what is in a folder of the cache; records of blobs that are reached are in use."""
    for child in sorted(folder.iterdir()):
        below = f"{name}{child.name}"
        if below in _RECORDS:
            for record in sorted(child.iterdir()):
                blobs = [Digest(blob.decode()) for blob in _BLOB.findall(_read_record(record))]
                is_current = bool(blobs) and all(blob in reach.blobs for blob in blobs)
                used = max([record.stat().st_mtime, *(uses.get(blob, 0) for blob in blobs)])
                yield Item(_RECORD, f"{below}/{record.name}", disk_bytes(record), used, (record,), not is_current)
        elif any(record.startswith(f"{below}/") for record in _RECORDS):
            yield from _of_cache(child, f"{below}/", reach, uses)
        elif below == _MOUNTS:
            yield from _cache_mounts(child)
        elif below == _CHECKOUTS:
            yield from (_item("git checkout", path, path.stat().st_ctime) for path in sorted(child.iterdir()))
        else:
            yield Item("build cache", below, disk_bytes(child), child.stat().st_mtime, (child,))


def _cache_mounts(folder: Path) -> Iterator[Item]:
    """Yield the folders of RUN --mount=type=cache, by the ids that the files beside them tell."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".lock":
            continue
        lock = path.with_suffix(".lock")
        identity, used = path.name, path.stat().st_mtime
        if lock.is_file():
            identity, used = lock.read_text("utf-8", "replace") or identity, lock.stat().st_mtime
        yield Item(CACHE_MOUNT, identity, disk_bytes(path), used, (path, lock))


def _uses(layout: Layout) -> dict[Digest, float]:
    uses: dict[Digest, float] = {}
    folder = layout.cache / "steps"
    for record in folder.iterdir() if folder.is_dir() else ():
        used = record.stat().st_mtime
        for digest in _DIGEST.findall(_read_record(record)):
            known = Digest(digest.decode())
            uses[known] = max(used, uses.get(known, 0))
    return uses


def _read_record(record: Path) -> bytes:
    with record.open("rb") as file:
        return file.read(_LARGEST_RECORD_BYTES)


def total_bytes(items: Sequence[Item]) -> int:
    """Return the bytes of all items."""
    return sum(item.size_bytes for item in items)
