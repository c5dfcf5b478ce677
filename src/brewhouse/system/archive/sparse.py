"""Sparse files in tar archives: where in the file the stored bytes belong. The rest of the file is zeros.

Source: GNU tar manual, "Storing Sparse Files", old GNU format and PAX formats 0.0, 0.1 and 1.0.
"""

from collections.abc import Mapping, Sequence

import msgspec

from brewhouse.errors import InputError
from brewhouse.system.archive.stream import Stream
from brewhouse.system.archive.tar import BLOCK_BYTES, Entry, read_number

SPARSE_MAP = "GNU.sparse.map"
SPARSE_PAIRS = ("GNU.sparse.offset", "GNU.sparse.numbytes")

_MOST_EXTENTS = 1 << 16
_PAIR_BYTES = 24


def gnu_sparse(block: bytes, entry: Entry, stream: Stream) -> tuple[int, Entry]:
    """Return how many blocks with the rest of the map were read, and `entry` with its extents."""
    blocks, more = 0, block[482]
    try:
        numbers = _octal_pairs(block[386:482])
        while more:
            extension = stream.read(BLOCK_BYTES)
            numbers += _octal_pairs(extension[:504])
            blocks, more = blocks + 1, extension[504]
            if len(numbers) > 2 * _MOST_EXTENTS:
                raise _bad(entry, stream)
        return blocks, _with_extents(entry, read_number(block[483:495]), numbers, stream)
    except ValueError as error:
        raise _bad(entry, stream) from error


def pax_sparse(records: Mapping[str, bytes], entry: Entry, stream: Stream) -> Entry:
    """Return `entry` with the extents that PAX records tell of, or as it is; the map of form 1.0 starts the content."""
    size = records.get("GNU.sparse.realsize") or records.get("GNU.sparse.size")
    if size is None or entry.kind != "file":
        return entry
    try:
        if records.get("GNU.sparse.major") == b"1":
            numbers = _read_map(entry, stream)
        else:
            numbers = [int(number) for number in records.get(SPARSE_MAP, b"").split(b",") if number]
        return _with_extents(entry, int(size), numbers, stream)
    except ValueError as error:
        raise _bad(entry, stream) from error


def _read_map(entry: Entry, stream: Stream) -> list[int]:
    """Return the decimal numbers, one a line, that fill the first blocks of the content: a count and so many pairs."""
    text = stream.read(BLOCK_BYTES)
    count = int(text.split(b"\n", 1)[0])
    while text.count(b"\n") < 2 * count + 1:
        if count > _MOST_EXTENTS or len(text) >= entry.size:
            raise _bad(entry, stream)
        text += stream.read(BLOCK_BYTES)
    return [int(line) for line in text.split(b"\n")[1 : 2 * count + 1]]


def _with_extents(entry: Entry, size: int, numbers: Sequence[int], stream: Stream) -> Entry:
    extents = tuple(zip(numbers[::2], numbers[1::2], strict=False))
    stored = sum(length for _, length in extents)
    end = 0
    for offset, length in extents:
        if offset < end or length < 0:
            raise _bad(entry, stream)
        end = offset + length
    if end > size or stored > entry.size or len(numbers) % 2:
        raise _bad(entry, stream)
    return msgspec.structs.replace(entry, size=size, extents=extents)


def _octal_pairs(area: bytes) -> list[int]:
    """Return the numbers of offset and length pairs up to the first empty one."""
    numbers: list[int] = []
    for at in range(0, len(area), _PAIR_BYTES):
        pair = area[at : at + _PAIR_BYTES]
        if pair[0] == 0:
            break
        numbers += (read_number(pair[:12]), read_number(pair[12:]))
    return numbers


def _bad(entry: Entry, stream: Stream) -> InputError:
    return InputError(f"{stream.name}: the map of the sparse file `{entry.name}` is not valid")
