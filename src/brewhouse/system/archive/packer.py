"""Packing layers: their tars compressed in blocks by several threads, hashed on the way, and kept as blobs.

Each block of 1 MiB becomes a gzip member (or zstd frame) of its own, so that the bytes do not depend on the number of
threads; members one after the other are one valid stream (RFC 1952, section 2.2). The bytes do depend on the
compressor's version, which is why the first blob made of a tar is recorded and found again by `diff_id`.

A layer's diff_id is known once its tar was read, its blob only later: whoever builds on the layer need not wait for it.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from threading import Semaphore
from typing import TYPE_CHECKING

from brewhouse.model import Layer, StoredLayer
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import LAYER_GZIP, LAYER_TAR, LAYER_ZSTD, Descriptor
from brewhouse.system.store.layerblob import LEVELS, Compression, LayerRecord, known_layer, record_layer
from brewhouse.system.store.layout import Layout

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

BLOCK_BYTES = 1 << 20
# How far the tar of a layer may be read ahead of its blob, and how many layers may wait for theirs: bounds of memory.
_BLOCKS_AHEAD = 24
_LAYERS_AHEAD = 4

_MEDIA_TYPES: dict[Compression, str] = {"gzip": LAYER_GZIP, "zstd": LAYER_ZSTD, "none": LAYER_TAR}


def store_layer(
    tar: Iterable[bytes], layout: Layout, compression: Compression = "gzip", level: int | None = None
) -> StoredLayer:
    """Return the layer whose tar comes in pieces, stored as a blob; `level` is the compressor's, our own if None.

    Where the store has a blob of the same diff_id, compression and level, that one is taken and the new one dropped.
    """
    packer = Packer(layout)
    try:
        layer = packer.pack(tar, compression, level)
        return StoredLayer(layer.diff_id, layer.descriptor)
    finally:
        packer.close()


class PackedLayer:
    """A layer whose blob may still be in work: `descriptor` waits for it, and raises what went wrong with it."""

    def __init__(self, diff_id: Digest, blob: "Future[Descriptor]") -> None:
        """Know the tar now, and the blob when it is done."""
        self.diff_id = diff_id
        self._blob = blob

    @property
    def descriptor(self) -> Descriptor:
        """Return what the stored blob is."""
        return self._blob.result()


class Packer:
    """Compresses and stores layers in threads of its own; memory is a few blocks for each layer in work."""

    def __init__(self, layout: Layout) -> None:
        """Store in `layout`; close it in the end."""
        self._layout = layout
        self._places = Semaphore(_LAYERS_AHEAD)
        self._after: list[Future[None]] = []
        self._shelves: set[_Shelf] = set()

    @cached_property
    def _threads(self) -> "tuple[ThreadPoolExecutor, ThreadPoolExecutor]":
        """Start those who compress and those who write, once there is something to do."""
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(len(os.sched_getaffinity(0))), ThreadPoolExecutor(_LAYERS_AHEAD)

    def pack(self, tar: Iterable[bytes], compression: Compression = "gzip", level: int | None = None) -> PackedLayer:
        """Return the layer whose tar comes in pieces as soon as all of them were read."""
        compress = _compressor(compression, LEVELS.get(compression, 0) if level is None else level)
        compressors, writers = self._threads
        self._places.acquire()
        shelf = _Shelf()
        self._shelves.add(shelf)
        try:
            blob = writers.submit(self._write, shelf, compression, level)
        except BaseException:
            self._places.release()
            raise
        sha256, tar_bytes = hashlib.sha256(), 0
        try:
            for block in _blocks(tar):
                sha256.update(block)
                tar_bytes += len(block)
                shelf.put(compressors.submit(compress, block))
        except BaseException:
            shelf.end(None)
            raise
        diff_id = Digest(f"sha256:{sha256.hexdigest()}")
        shelf.end((diff_id, tar_bytes))
        return PackedLayer(diff_id, blob)

    def afterwards(self, layer: Layer, work: Callable[[StoredLayer], None]) -> None:
        """Call `work` with the layer once its blob is stored; `settle` raises what comes of it."""
        self._after.append(self._threads[1].submit(lambda: work(StoredLayer(layer.diff_id, layer.descriptor))))

    def settle(self) -> None:
        """Wait until all that was begun is done; raises the first of what went wrong."""
        for done in self._after:
            done.result()

    def close(self) -> None:
        """End the threads, once what they have begun is done; nobody is in `pack` any more."""
        for shelf in tuple(self._shelves):
            if not shelf.is_whole:
                # A signal may end `pack` at any moment, also before it could say so.
                shelf.end(None)
        if "_threads" in self.__dict__:
            compressors, writers = self._threads
            writers.shutdown()
            compressors.shutdown()

    def _write(self, shelf: "_Shelf", compression: Compression, level: int | None) -> Descriptor:
        try:
            return self._write_blob(shelf, compression, level)
        finally:
            shelf.drain()
            self._shelves.discard(shelf)
            self._places.release()

    def _write_blob(self, shelf: "_Shelf", compression: Compression, level: int | None) -> Descriptor:
        sha256, size = hashlib.sha256(), 0
        with self._layout.new_file() as path:
            with path.open("wb") as file:
                for piece in shelf:
                    sha256.update(piece)
                    size += file.write(piece)
            diff_id, tar_bytes = shelf.result()
            descriptor = Descriptor(_MEDIA_TYPES[compression], Digest(f"sha256:{sha256.hexdigest()}"), size)
            if known := known_layer(diff_id, self._layout, compression, level):
                return known.descriptor
            self._layout.adopt_blob(path, descriptor.digest)
        record_layer(diff_id, LayerRecord(descriptor, tar_bytes), self._layout, compression, level)
        return descriptor


class _Shelf:
    """Where compressed blocks of one layer wait in order for the one who writes them, a bounded number at a time."""

    def __init__(self) -> None:
        from queue import Queue

        self._blocks: Queue[Future[bytes] | None] = Queue(_BLOCKS_AHEAD)
        self._result: tuple[Digest, int] | None = None
        self._ended = False
        self.is_whole = False

    def put(self, block: "Future[bytes]") -> None:
        """Add a block, when there is room."""
        self._blocks.put(block)

    def end(self, result: tuple[Digest, int] | None) -> None:
        """Say that no more blocks come, and what they were: diff_id and length of the tar, or None if it broke off."""
        self._result = result
        self._blocks.put(None)
        self.is_whole = True

    def result(self) -> tuple[Digest, int]:
        """Return diff_id and length of the tar; raises CancelledError where it broke off."""
        from concurrent.futures import CancelledError

        if self._result is None:
            raise CancelledError
        return self._result

    def __iter__(self) -> Iterator[bytes]:
        """Yield the compressed blocks."""
        while not self._ended:
            block = self._blocks.get()
            if block is None:
                self._ended = True
            else:
                yield block.result()

    def drain(self) -> None:
        """Make room until the end, so that nobody waits for a reader that has failed."""
        while not self._ended:
            self._ended = self._blocks.get() is None


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what `pieces` hold in blocks of one size; only the last is shorter."""
    waiting: list[bytes] = []
    count = 0
    for piece in pieces:
        start = 0
        while count + len(piece) - start >= BLOCK_BYTES:
            end = start + BLOCK_BYTES - count
            yield b"".join([*waiting, piece[start:end]])
            waiting, count, start = [], 0, end
        if start < len(piece):
            waiting.append(piece[start:])
            count += len(piece) - start
    if waiting:
        yield b"".join(waiting)


def _compressor(compression: Compression, level: int) -> Callable[[bytes], bytes]:
    if compression == "none":
        return bytes
    if compression == "gzip":
        import deflate

        return lambda block: bytes(deflate.gzip_compress(block, level))
    from brewhouse.system.archive.zstandard import zstd

    return lambda block: zstd.compress(block, level)
