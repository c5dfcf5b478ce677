"""Digests of what is copied: names, kinds, modes, links, attributes and content, all that a copy takes but times.

The digest of files that lie in one folder is remembered by what `lstat` says of them, so that a folder in which nothing
was changed costs that and no more: the kernel gives a file another ctime with whatever a copy would take of it.
"""

import hashlib
import marshal
import os
import stat
from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path

from brewhouse.build.cache.files import FileDigests
from brewhouse.build.files.links import FirstNames
from brewhouse.build.files.walk import Part, Selection
from brewhouse.errors import InputError
from brewhouse.system.store.disk import free_bytes

_BLOCK_BYTES = 512
# Where one file of a folder was changed, all are read again, but for those that are at least so large.
_LARGE_BYTES = 1 << 16
# What the kernel changes together with anything that a copy takes of a file.
_mark = attrgetter("st_dev", "st_ino", "st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns", "st_ctime_ns")


class Room:
    """What the disk has for files with holes, which would fill it before anybody had read them to their end."""

    def __init__(self, folder: Path) -> None:
        """Look at the disk of `folder`."""
        self._free = free_bytes(folder)
        self._wanted = 0

    def take(self, statuses: Iterable[os.stat_result]) -> None:
        """Count these files; raises InputError when there is no room for those with holes."""
        for status in statuses:
            if status.st_blocks * _BLOCK_BYTES < status.st_size // 2 and stat.S_ISREG(status.st_mode):
                self._wanted += status.st_size
        if self._wanted > self._free:
            raise InputError(
                f"files with holes would take {self._wanted} bytes, and the store's disk has {self._free}",
                hint="exclude them",
            )


def content_digest(selection: Selection, digests: FileDigests, room: Room) -> str:
    """Return a digest of all that a copy takes: owners and attributes only where they mean something."""
    owned = selection.is_owned
    sha256 = hashlib.sha256()
    names = FirstNames()
    for part in selection.parts():
        room.take(part.statuses)
        folder = part.folder
        if folder:
            row = _row(folder.source, folder.status, digests, owned=owned)
            sha256.update(repr((os.fsencode(folder.name), folder.only_parent, row)).encode())
        if part.names:
            content = _files_digest(part, digests, owned=owned)
            sha256.update(repr((os.fsencode(part.prefix), content, _links(part, names))).encode())
    return sha256.hexdigest()


def _files_digest(part: Part, digests: FileDigests, *, owned: bool) -> bytes:
    """Return the digest of a part's files, wherever they lie; from memory where none was changed."""
    key = _key(marshal.dumps((owned, part.names, list(map(_mark, part.statuses))), 0))
    found = digests.find(key)
    if found is None:
        sha256 = hashlib.sha256()
        for name, item in zip(part.names, part.files(), strict=True):
            sha256.update(repr((name, _row(item.source, item.status, digests, owned=owned))).encode())
        found = sha256.digest()
        digests.keep(key, found, max(status.st_ctime_ns for status in part.statuses))
    return found


def _row(source: str, status: os.stat_result, digests: FileDigests, *, owned: bool) -> list[object]:
    """Return what a copy takes of one file or folder, but for its name."""
    row: list[object] = [oct(status.st_mode)]
    row += [status.st_uid, status.st_gid] if owned else []
    if stat.S_ISREG(status.st_mode):
        row.append(_file_digest(source, status, digests))
    elif stat.S_ISLNK(status.st_mode):
        row.append(os.readlink(os.fsencode(source)))
    elif not stat.S_ISDIR(status.st_mode):
        row.append(status.st_rdev)
    if not owned:
        return row
    return row + [(name, os.getxattr(source, name, follow_symlinks=False)) for name in kept_attributes(source)]


def _file_digest(source: str, status: os.stat_result, digests: FileDigests) -> bytes:
    """Return the sha256 of a regular file's content, of a large one from memory if it was not changed."""
    if status.st_size < _LARGE_BYTES:
        with open(source, "rb", buffering=0) as file:
            return hashlib.sha256(file.read()).digest()
    key = _key(marshal.dumps(_mark(status), 0))
    found = digests.find(key)
    if found is None:
        with open(source, "rb", buffering=0) as file:
            found = hashlib.file_digest(file, "sha256").digest()
        digests.keep(key, found, status.st_ctime_ns)
    return found


def _links(part: Part, names: FirstNames) -> list[tuple[bytes, bytes]]:
    """Return which of a part's files are other names of one that came before, and of which."""
    if all(status.st_nlink == 1 for status in part.statuses):
        return []
    found = [(item.name, names.first(item.name, item.status)) for item in part.files()]
    return [(os.fsencode(name), os.fsencode(first)) for name, first in found if name != first]


def _key(marks: bytes) -> bytes:
    return hashlib.sha256(marks).digest()


def kept_attributes(place: str | int) -> list[str]:
    """Return the names of the extended attributes that a copy takes along: what layers hold, file capabilities.

    `place` is a path, of which links are not followed, or an open descriptor.
    """
    found = os.listxattr(place) if isinstance(place, int) else os.listxattr(place, follow_symlinks=False)
    return [name for name in found if name == "security.capability"] if found else found
