"""Folders below a root, opened part by part, so that no link leads out of the root.

Links inside are followed as they would be in a container: `/` and `..` end at the root.
"""

import errno
import os
import posixpath
from collections import deque
from pathlib import Path

from brewhouse.errors import InputError

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS = 40
_MOST_OPEN = 128
# Deeper than any real tree; what walks one calls itself for each level.
DEEPEST = 250


def check_depth(depth: int, who: str, name: str) -> None:
    """Raise InputError for a folder `name` that lies too deep."""
    if depth > DEEPEST:
        raise InputError(f"{who} nests folders more than {DEEPEST} deep: `{name[:40]}...`")


def sorted_names(folder: str) -> list[bytes]:
    """Return the names in a folder, sorted by their bytes: all that is kept of one with very many files."""
    names = os.listdir(os.fsencode(folder))  # noqa: PTH208 - a Path for each costs as much as looking at it
    names.sort()
    return names


def is_empty(folder: str | Path) -> bool:
    """Tell whether nothing is in a folder."""
    with os.scandir(folder) as found:
        return next(found, None) is None


class Folders:
    """The folders below a root, kept open while they are in use; `implied` lists those that had to be made."""

    def __init__(self, root: Path, archive: str) -> None:
        """Start at `root`; `archive` says in errors what is unpacked."""
        self.implied: list[str] = []
        self._archive = archive
        self._root = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open: dict[str, int] = {}

    def close(self) -> None:
        """Close all."""
        self.forget()
        os.close(self._root)

    def forget(self) -> None:
        """Look names up anew: a folder or a link was removed."""
        for number in self._open.values():
            os.close(number)
        self._open.clear()

    def locate(self, name: str, *, make: bool = True) -> tuple[int, str]:
        """Return a descriptor of the folder in which `name` is, and the last part of it: empty for the root itself.

        Missing folders are made, or else FileNotFoundError is raised; InputError where a part of the way is a file.
        The descriptor is good until `forget`, or the call after the next.
        """
        folder, _, base = tidy(name).rpartition("/")
        if not folder:
            return self._root, base
        number = self._open.pop(folder, None)
        if number is None:
            check_depth(folder.count("/"), self._archive, name)
            if len(self._open) >= _MOST_OPEN:
                os.close(self._open.pop(next(iter(self._open))))
            number = self._walk(folder, make=make)
        self._open[folder] = number
        return number, base

    def _walk(self, folder: str, *, make: bool) -> int:
        """Return a new descriptor of `folder`, reached part by part, with all links followed inside the root."""
        left = deque(folder.split("/"))
        way: list[tuple[str, int]] = []
        links = 0
        try:
            while left:
                part = left.popleft()
                if part in ("", "."):
                    continue
                if part == "..":
                    _leave(way, min(1, len(way)))
                    continue
                found = self._enter(way, part, make=make)
                if isinstance(found, int):
                    way.append((part, found))
                    continue
                links += 1
                if links > _MOST_LINKS:
                    raise InputError(f"{self._archive}: too many links on the way to `{folder}`")
                if found.startswith("/"):
                    _leave(way, len(way))
                left.extendleft(reversed(found.split("/")))
            return way.pop()[1] if way else os.dup(self._root)
        finally:
            _leave(way, len(way))

    def _enter(self, way: list[tuple[str, int]], part: str, *, make: bool) -> int | str:
        """Return a descriptor of the folder `part`, or the target if it is a link."""
        above = way[-1][1] if way else self._root
        try:
            return os.open(part, _FOLDER, dir_fd=above)
        except FileNotFoundError:
            if not make:
                raise
            os.mkdir(part, 0o755, dir_fd=above)
            self.implied.append("/".join([*(name for name, _ in way), part]))
            return os.open(part, _FOLDER, dir_fd=above)
        except NotADirectoryError:
            try:
                return os.readlink(part, dir_fd=above)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                names = [*(name for name, _ in way), part]
                raise InputError(f"{self._archive}: `{'/'.join(names)}` is a file and a folder") from error


def tidy(name: str) -> str:
    """Return `name` without `.`, `..`, and slashes that say nothing; what leads out of the root ends there."""
    if "/." in name or "//" in name or name.startswith((".", "/")) or name.endswith("/"):
        return posixpath.normpath("/" + name.strip("/"))[1:]
    return name


def leads_out(name: str) -> bool:
    """Tell whether `name`, taken by its text, leads out of the folder it starts in."""
    return posixpath.normpath(name).split("/", 1)[0] == ".."


def _leave(way: list[tuple[str, int]], count: int) -> None:
    """Close the last `count` folders of the way."""
    for _, number in way[len(way) - count :]:
        os.close(number)
    del way[len(way) - count :]
