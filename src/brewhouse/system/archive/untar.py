"""Tar archives read: entries from a stream of bytes, in all forms that programs in use write.

That is ustar, PAX, GNU's long names, numbers in base 256, and sparse files of GNU (old form, and PAX 0.0, 0.1 and 1.0).
Nothing in a header is believed: lengths are bounded, sums are checked, and names are given back as they stand there.
Source: POSIX.1-2024 pax; GNU tar manual, "Basic Tar Format" and "Storing Sparse Files".
"""

import os
from collections.abc import Iterator, Mapping

import msgspec

from brewhouse.errors import InputError
from brewhouse.system.archive.sparse import SPARSE_MAP, SPARSE_PAIRS, gnu_sparse, pax_sparse
from brewhouse.system.archive.stream import Stream
from brewhouse.system.archive.tar import (
    BLOCK_BYTES,
    FLAGS,
    SECOND_NS,
    WINDOWS_RECORDS,
    XATTR_RECORD,
    Entry,
    Kind,
    read_number,
)

_LARGEST_EXTENSION_BYTES = 1 << 20
_ZERO = bytes(BLOCK_BYTES)
# NUL is the oldest form of a file, 7 a contiguous one, S a sparse one of GNU tar.
_KINDS: dict[bytes, Kind] = {flag: kind for kind, flag in FLAGS.items()} | {b"\0": "file", b"7": "file", b"S": "file"}
_EXTENSIONS = frozenset({b"x", b"g", b"L", b"K"})


def read_entries(stream: Stream) -> Iterator[Entry]:
    """Yield the entries of an archive; `stream` stands at the content of the one that was yielded last.

    The caller may take `entry.stored_bytes` of content from the stream before it asks for the next entry.
    Raises InputError for what is no tar archive, or a cut one.
    """
    records: dict[str, bytes] = {}
    while not stream.at_end():
        block = stream.read(BLOCK_BYTES)
        if block == _ZERO:
            return
        _check_sum(block, stream)
        flag = block[156:157]
        if flag in _EXTENSIONS:
            _read_extension(block, stream, records)
            continue
        end, entry = _read_entry(block, records, stream)
        records = {}
        yield entry
        stream.skip_to(end)


def _read_entry(block: bytes, records: Mapping[str, bytes], stream: Stream) -> tuple[int, Entry]:
    """Return where the next header is, and the entry that `block` and the PAX records before it tell of."""
    entry = _ustar(block, stream)
    if records:
        entry = _with_records(entry, records, stream)
    stored = entry.size
    end = stream.position + stored + -stored % BLOCK_BYTES
    if block[156:157] == b"S":
        blocks, entry = gnu_sparse(block, entry, stream)
        end += blocks * BLOCK_BYTES
    elif records:
        entry = pax_sparse(records, entry, stream)
    return end, entry


def _ustar(block: bytes, stream: Stream) -> Entry:
    flag = block[156:157]
    kind = _KINDS.get(flag)
    if kind is None:
        raise InputError(f"{stream.name} has an entry of unknown type {flag!r}")
    name = _text(block[:100])
    if block[257:263] == b"ustar\0" and block[345]:
        name = f"{_text(block[345:500])}/{name}"
    if flag == b"\0" and name.endswith("/"):
        kind = "directory"
    try:
        return Entry(
            name.strip("/"),
            kind,
            read_number(block[100:108]) & 0o7777,
            read_number(block[108:116]),
            read_number(block[116:124]),
            _size(read_number(block[124:136])) if kind == "file" else 0,
            read_number(block[136:148]) * SECOND_NS,
            _text(block[157:257]) if kind in ("link", "symlink") else "",
            (read_number(block[329:337]), read_number(block[337:345])) if kind in ("char", "block") else (0, 0),
        )
    except ValueError as error:
        raise InputError(f"{stream.name}: the header of `{name}` has a bad number") from error


def _with_records(entry: Entry, records: Mapping[str, bytes], stream: Stream) -> Entry:
    """Return `entry` with what PAX records say instead."""
    changes: dict[str, object] = {}
    xattrs = {key.removeprefix(XATTR_RECORD): value for key, value in records.items() if key.startswith(XATTR_RECORD)}
    foreign = {key: value for key, value in records.items() if key.startswith(WINDOWS_RECORDS)}
    try:
        for key, value in records.items():
            match key:
                case "path" | "GNU.sparse.name":
                    changes["name"] = _name(value).strip("/")
                case "linkpath":
                    changes["linkname"] = _name(value)
                case "uid" | "gid":
                    changes[key] = int(value)
                case "size":
                    changes[key] = _size(int(value)) if entry.kind == "file" else 0
                case "mtime":
                    changes["mtime_ns"] = _nanoseconds(value.decode("ascii"))
                case _:
                    pass
    except ValueError as error:
        raise InputError(f"{stream.name}: the PAX header of `{entry.name}` is not valid") from error
    return msgspec.structs.replace(entry, xattrs=xattrs, records=foreign, **changes)


def _check_sum(block: bytes, stream: Stream) -> None:
    """Raise InputError where the header's sum, with its own digits taken as blanks, is another."""
    found = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    try:
        if read_number(block[148:156]) == found:
            return
    except ValueError:
        pass
    raise InputError(f"{stream.name} is not a tar archive, or is damaged at byte {stream.position - BLOCK_BYTES}")


def _read_extension(block: bytes, stream: Stream, records: dict[str, bytes]) -> None:
    """Add to `records` what a PAX or GNU header says of the next entry; what holds for all of them is passed over."""
    try:
        size = _size(read_number(block[124:136]))
    except ValueError as error:
        raise InputError(f"{stream.name} has a header with a bad number") from error
    if size > _LARGEST_EXTENSION_BYTES:
        raise InputError(f"{stream.name} has an extended header of {size} bytes")
    body = stream.read(size + -size % BLOCK_BYTES)[:size]
    match block[156:157]:
        case b"L":
            records["path"] = body.split(b"\0", 1)[0]
        case b"K":
            records["linkpath"] = body.split(b"\0", 1)[0]
        case b"x":
            try:
                _read_records(body, records)
            except ValueError as error:
                raise InputError(f"{stream.name} has a PAX header that is not valid") from error
        case _:
            pass


def _read_records(body: bytes, records: dict[str, bytes]) -> None:
    r"""Add each "LENGTH key=value\n" of `body`; an empty value means that the header's own holds.

    GNU's oldest sparse form repeats its keys; the pairs become a map as in the newer one.
    """
    while body.rstrip(b"\0"):
        digits, space, _ = body[:20].partition(b" ")
        length = int(digits)
        record, body = body[:length], body[length:]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not space or length <= len(digits) + 2 or len(record) != length or record[-1:] != b"\n" or not equals:
            raise ValueError(digits)
        name = os.fsdecode(key)
        if name in SPARSE_PAIRS:
            records[SPARSE_MAP] = records[SPARSE_MAP] + b"," + value if SPARSE_MAP in records else value
        elif value or name.startswith(XATTR_RECORD):
            records[name] = value


def _text(field: bytes) -> str:
    return os.fsdecode(field.split(b"\0", 1)[0])


def _name(value: bytes) -> str:
    if b"\0" in value:
        raise ValueError(value)
    return os.fsdecode(value)


def _size(number: int) -> int:
    if number < 0:
        raise ValueError(number)
    return number


def _nanoseconds(text: str) -> int:
    """Return "1700000000.25" in nanoseconds."""
    seconds, _, fraction = text.partition(".")
    nanoseconds = int((fraction + "0" * 9)[:9]) if fraction else 0
    return int(seconds) * SECOND_NS + (-nanoseconds if seconds.startswith("-") else nanoseconds)
