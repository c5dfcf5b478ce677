"""Digests that former builds computed of files, by keys of what changes with these files.

The record is a line that tells its form, and rows of key and digest, sorted by key. What does not look like that is
taken for empty: a lost record costs time only. It is searched as it lies: most builds look up little of it.
"""

from bisect import bisect_left
from functools import cached_property
from pathlib import Path

from brewhouse.system.store.disk import write_file
from brewhouse.system.store.layout import Layout

_FORM = b"brewhouse file digests 1\n"
_DIGEST_BYTES = 32
_ROW_BYTES = 2 * _DIGEST_BYTES
_MOST_ROWS = 100_000
# A file that was changed so shortly before may be changed again without getting another time: clocks of file systems
# tick in up to two seconds. Source: racy-git.txt of git.
_RACY_NS = 2_000_000_000


class FileDigests:
    """What is known of files, by keys of 32 bytes, which are digests themselves."""

    def __init__(self, layout: Layout, now_ns: int) -> None:
        """Know what former builds computed, read once it is asked for; `now_ns` is the time since 1970."""
        self._path = layout.cache / "files"
        self._tmp = layout.tmp
        self._settled_ns = now_ns - _RACY_NS
        self._used: dict[bytes, bytes] = {}
        self._is_changed = False

    @cached_property
    def _known(self) -> bytes:
        return _read(self._path)

    def find(self, key: bytes) -> bytes | None:
        """Return the digest that is known by `key`."""
        found = self._used.get(key) or _find(self._known, key)
        if found and len(self._used) < _MOST_ROWS:
            self._used[key] = found
        return found

    def keep(self, key: bytes, digest: bytes, changed_ns: int) -> None:
        """Remember a digest, unless what it is of was changed just now: `changed_ns` is the latest ctime of it."""
        if changed_ns < self._settled_ns and len(self._used) < _MOST_ROWS:
            self._used[key] = digest
            self._is_changed = True

    def close(self) -> None:
        """Write what is known now, with what others wrote meanwhile; if that is too much, only what this build used.

        A build that failed will be repeated, so it writes too.
        """
        if self._is_changed:
            known = {**_rows(_read(self._path)), **self._used}
            rows = known if len(known) <= _MOST_ROWS else self._used
            write_file(self._path, _FORM + b"".join(key + rows[key] for key in sorted(rows)), tmp=self._tmp)


def _read(path: Path) -> bytes:
    """Return the rows of a record; none where it is not there, or not of this form."""
    try:
        with path.open("rb") as file:
            record = file.read(len(_FORM) + _MOST_ROWS * _ROW_BYTES + 1)
    except FileNotFoundError:
        return b""
    rows = record.removeprefix(_FORM)
    return rows if len(rows) < len(record) and len(rows) % _ROW_BYTES == 0 else b""


def _rows(rows: bytes) -> dict[bytes, bytes]:
    starts = range(0, len(rows), _ROW_BYTES)
    return {rows[at : at + _DIGEST_BYTES]: rows[at + _DIGEST_BYTES : at + _ROW_BYTES] for at in starts}


def _find(rows: bytes, key: bytes) -> bytes | None:
    def key_at(number: int) -> bytes:
        return rows[number * _ROW_BYTES : number * _ROW_BYTES + _DIGEST_BYTES]

    number = bisect_left(range(len(rows) // _ROW_BYTES), key, key=key_at)
    start = number * _ROW_BYTES + _DIGEST_BYTES
    return rows[start : start + _DIGEST_BYTES] if key_at(number) == key else None
