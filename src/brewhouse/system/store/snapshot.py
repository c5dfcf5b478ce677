"""Snapshots: layers unpacked, one folder each, to be stacked by overlayfs.

A snapshot is derived from its layer and can be made again. It appears by rename, whole, under its diff_id.
"""

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from brewhouse.errors import IntegrityError, StoreError
from brewhouse.model import Image, Layer, StoredLayer
from brewhouse.oci.digest import Digest, digest_of, hex_part
from brewhouse.system.archive.whiteout import is_opaque
from brewhouse.system.namespace import in_user_namespace
from brewhouse.system.store.disk import new_folder, remove_tree
from brewhouse.system.store.layout import Layout


class _Unpacked(msgspec.Struct, frozen=True):
    """A layer in a temporary folder, and the folders that it needed but did not bring."""

    folder: Path
    implied: tuple[str, ...]


class Snapshots:
    """The unpacked layers of a store."""

    def __init__(self, layout: Layout) -> None:
        """Keep them in `layout.snapshots`."""
        self._layout = layout

    def path(self, diff_id: Digest) -> Path:
        """Return where the snapshot is, or would be."""
        return self._layout.snapshots / hex_part(diff_id)

    def adopt(self, diff_id: Digest, upper: Path) -> Path:
        """Make `upper`, on the store's file system and equal to the layer `diff_id`, its snapshot; return its new path.

        Where another process was first, its snapshot stays and `upper` is removed.
        """
        return _move(upper, self.path(diff_id))

    def ensure(self, image: Image) -> list[Path]:
        """Return the snapshots of all layers of `image`, base first, unpacked where they are missing."""
        return self.stack(image_layers(image))

    def stack(self, layers: Sequence[Layer]) -> list[Path]:
        """Return the snapshots of `layers`, base first, unpacked where they are missing.

        Raises IntegrityError for a layer with another diff_id than the config says, StoreError for a missing blob.
        """
        chains = chain_ids([layer.diff_id for layer in layers])
        found = list(map(self._find, layers, chains))
        return _visible([path for path in found if path] if all(found) else self._unpack_missing(layers, chains))

    def _unpack_missing(self, layers: Sequence[Layer], chains: Sequence[Digest]) -> list[Path]:
        from concurrent.futures import ThreadPoolExecutor

        paths: list[Path] = []
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for number, found in enumerate(pool.map(self._find_or_unpack, layers, chains)):
                if isinstance(found, _Unpacked):
                    _copy_implied(found, paths)
                    name = chains[number] if found.implied else layers[number].diff_id
                    paths.append(_move(found.folder, self.path(name)))
                else:
                    paths.append(found)
        return paths

    def _find(self, layer: Layer, chain: Digest) -> Path | None:
        return next((path for path in (self.path(layer.diff_id), self.path(chain)) if path.is_dir()), None)

    def _find_or_unpack(self, layer: Layer, chain: Digest) -> Path | _Unpacked:
        if known := self._find(layer, chain):
            return known
        folder = new_folder(self._layout.tmp, "layer")
        try:
            return _Unpacked(folder, tuple(self._unpack(layer, folder)))
        except BaseException:
            remove_tree(folder)
            raise

    def _unpack(self, layer: Layer, folder: Path) -> list[str]:
        """Unpack a layer, check its diff_id on the way, and return the folders that it needed but did not bring."""
        from brewhouse.system.archive.decompress import decompressed
        from brewhouse.system.archive.extract import Unpack, unpack
        from brewhouse.system.archive.stream import Stream, prefetched

        folder.chmod(0o755)
        os.utime(folder, (0, 0))
        digest, name = layer.descriptor.digest, f"layer {layer.descriptor.digest}"
        if not self._layout.has_blob(digest):
            raise StoreError(f"{name} is missing from {self._layout.root}", hint="pull or make the image again")
        sha256 = hashlib.sha256()

        def hashed(pieces: Iterator[bytes]) -> Iterator[bytes]:
            for piece in pieces:
                sha256.update(piece)
                yield piece

        with (
            self._layout.blob_path(digest).open("rb") as blob,
            prefetched(hashed(decompressed(blob, name))) as pieces,
        ):
            stream = Stream(pieces, name)
            implied = unpack(stream, folder, Unpack("overlay", devices="skip" if in_user_namespace() else "make"))
            stream.drain()
        if sha256.hexdigest() != hex_part(layer.diff_id):
            raise IntegrityError(f"{name} holds a tar with another diff_id than {layer.diff_id}")
        return implied


def image_layers(image: Image) -> list[StoredLayer]:
    """Return the layers of `image`, base first; raises StoreError where manifest and config count them differently."""
    diff_ids, blobs = image.config.value.rootfs.diff_ids, image.manifest.value.layers
    if len(diff_ids) != len(blobs):
        raise StoreError(f"image {image.descriptor.digest} has {len(blobs)} layers, but {len(diff_ids)} diff_ids")
    return [StoredLayer(diff_id, blob) for diff_id, blob in zip(diff_ids, blobs, strict=True)]


def chain_ids(diff_ids: Sequence[Digest]) -> list[Digest]:
    """Return for each layer the name of it on top of those below. Source: image-spec config.md, "Layer ChainID"."""
    chains = list(diff_ids[:1])
    for diff_id in diff_ids[1:]:
        chains.append(digest_of(f"{chains[-1]} {diff_id}".encode()))
    return chains


def _copy_implied(unpacked: _Unpacked, lowers: Sequence[Path]) -> None:
    """Give folders that a layer needed but did not bring the owner, mode and time that they have below.

    Such a layer fits these lowers only, so its snapshot is named by its chain instead of its diff_id.
    """
    for name in unpacked.implied:
        for lower in reversed(lowers):
            found = lower / name
            if not os.path.lexists(found):
                continue
            if found.is_dir() and Path(os.path.realpath(found)) == Path(os.path.realpath(lower)) / name:
                status, target = found.stat(), unpacked.folder / name
                os.chown(target, status.st_uid, status.st_gid)
                target.chmod(status.st_mode & 0o7777)
                os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))
            break


def _move(folder: Path, path: Path) -> Path:
    """Rename `folder` to `path`, or remove it where somebody was first."""
    try:
        folder.rename(path)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        remove_tree(folder)
    return path


def _visible(paths: Sequence[Path]) -> list[Path]:
    """Return those of `paths` that can be seen, for overlayfs to stack.

    An opaque root hides all below it, which overlayfs ignores; of a layer that occurs twice the upper one has all that
    the lower one has, and overlayfs refuses both together.
    """
    seen: dict[Path, None] = {}
    for root in reversed(paths):
        seen.setdefault(root)
        if any(is_opaque(name, os.getxattr(root, name)) for name in os.listxattr(root)):
            break
    return list(reversed(seen))
