"""Compressed streams, recognised by their content: gzip, zstd, bzip2, xz, and what is not compressed."""

import zlib
from collections.abc import Callable, Generator, Iterator
from typing import IO, Protocol

from brewhouse.errors import InputError

CHUNK_BYTES = 1 << 18
PIECE_BYTES = 1 << 20

# A zstd frame that wants more memory than this (2 ** 27 bytes, the window of `zstd --long`) is refused.
_LARGEST_WINDOW_LOG = 27
_LARGEST_XZ_MEMORY_BYTES = 1 << 28
# What unpacks to more than both this and so many times its size is a bomb: files of images shrink to a third or so.
FREE_BYTES = 8 << 30
LARGEST_RATIO = 200


class _Decompressor(Protocol):
    """What the decompressors of bz2, lzma and zstd have in common: one member, bounded output."""

    @property
    def eof(self) -> bool:
        """Tell whether the member has ended."""

    @property
    def needs_input(self) -> bool:
        """Tell whether nothing more comes without more input."""

    @property
    def unused_data(self) -> bytes:
        """Return what followed the member's end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return at most `max_length` bytes."""


class _Gzip:
    """zlib's decompressor in the shape of the others."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


class _Counted:
    """A file that is read, and how much of it was."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.count = 0

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self.count += len(data)
        return data


def decompressed(source: IO[bytes], name: str, *, free_bytes: int = FREE_BYTES) -> Iterator[bytes]:
    """Yield the content of `source` in pieces of at most 1 MiB, whatever it is compressed by.

    Members that follow each other are one stream. Raises InputError, with `name`, for a damaged or cut stream, and for
    one of which more than `free_bytes` come and which is 200 times smaller.
    """
    counted, given = _Counted(source), 0
    for piece in _pieces(counted, name):
        given += len(piece)
        if given > free_bytes and given > LARGEST_RATIO * counted.count:
            most = f"{LARGEST_RATIO} times its size and {free_bytes} bytes"
            raise InputError(f"{name} is a bomb: it unpacks to more than {most}")
        yield piece


def _pieces(source: _Counted, name: str) -> Iterator[bytes]:
    data = _first(source)
    recognised = _recognise(data)
    if recognised is None:
        while data:
            yield data
            data = source.read(CHUNK_BYTES)
        return
    make, damage = recognised
    try:
        while data:
            data = yield from _member(make(), data, source, name)
    except (damage, EOFError) as error:
        raise InputError(f"{name} is damaged: {error}") from error
    except OSError as error:
        # bz2 has no error class of its own; what the file system reports carries a number.
        if error.errno is not None:
            raise
        raise InputError(f"{name} is damaged: {error}") from error


def _member(decompressor: _Decompressor, data: bytes, source: _Counted, name: str) -> Generator[bytes, None, bytes]:
    """Yield what one member holds, and return what follows it."""
    while not decompressor.eof:
        if decompressor.needs_input and not data:
            data = source.read(CHUNK_BYTES)
            if not data:
                raise InputError(f"{name} ends in the middle of its compressed data")
        piece = decompressor.decompress(data, PIECE_BYTES)
        data = b""
        if piece:
            yield piece
    return decompressor.unused_data or source.read(CHUNK_BYTES)


def _first(source: _Counted) -> bytes:
    """Return the first piece of `source`, long enough to hold any magic number."""
    data = b""
    while len(data) < CHUNK_BYTES and (more := source.read(CHUNK_BYTES - len(data))):
        data += more
    return data


def _recognise(data: bytes) -> tuple[Callable[[], _Decompressor], type[Exception]] | None:
    """Return what decompresses such a stream, and what it raises for a damaged one; bz2 has no class of its own."""
    if data.startswith(b"\x1f\x8b\x08"):
        return _Gzip, zlib.error
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        from brewhouse.system.archive.zstandard import zstd

        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _LARGEST_WINDOW_LOG}
        return lambda: zstd.ZstdDecompressor(options=options), zstd.ZstdError
    if data.startswith(b"BZh"):
        import bz2

        return bz2.BZ2Decompressor, EOFError
    if data.startswith(b"\xfd7zXZ\x00"):
        import lzma

        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LARGEST_XZ_MEMORY_BYTES), lzma.LZMAError
    return None
