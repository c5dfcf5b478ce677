"""Putting files into an image: what COPY and ADD do to the target.

Source: copy.go of tonistiigi/fsutil and docopy of moby/buildkit, whose rules these are.
"""

import os
import posixpath
import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec

from brewhouse.build.mode import ChangeMode
from brewhouse.build.select import Item
from brewhouse.errors import InputError
from brewhouse.system.confine import confine

_NEW_FOLDER = 0o755
_NEW_FILE = 0o644
_CHUNK_BYTES = 1 << 24
_KEPT_XATTRS = ("user.", "security.capability")


class Owner(msgspec.Struct, frozen=True):
    """A user and a group by number."""

    uid: int
    gid: int


class Manner(msgspec.Struct, frozen=True):
    """How files are put: `owner` for all (None keeps the source's), `mode` for all (None keeps the source's)."""

    owner: Owner | None = None
    mode: ChangeMode | None = None


class Target:
    """A root file system that files are put into, as BuildKit's copier puts them."""

    def __init__(self, root: Path, manner: Manner) -> None:
        """Put files below `root`."""
        self.root = root
        self.manner = manner
        self._links: dict[tuple[int, int], Path] = {}

    def place(self, destination: str, source_name: str, *, is_folder: bool) -> Path:
        """Return where a source goes, its folders made: into `destination` if that is a folder or ends in `/`.

        A folder's contents go into `destination` itself.
        """
        parent, name = posixpath.split(destination)
        self.make_folders(destination if name in ("", ".") else parent)
        path = confine(self.root, destination)
        if not is_folder and path.is_dir():
            path /= posixpath.basename(source_name)
        self.make_folders("/" + str((path if is_folder and not path.exists() else path.parent).relative_to(self.root)))
        return path

    def make_folders(self, path: str) -> None:
        """Make `path` and what is missing above it, 0755 and owned as new files are."""
        missing = []
        folder = confine(self.root, path)
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        if not folder.is_dir():
            raise InputError(f"cannot copy to non-directory: /{folder.relative_to(self.root)}")
        owner = self.manner.owner or Owner(0, 0)
        for folder in reversed(missing):
            folder.mkdir()
            os.chown(folder, owner.uid, owner.gid)
            folder.chmod(_NEW_FOLDER)

    def put(self, items: Iterable[Item], place: Path) -> None:
        """Copy `items` to below `place`; the times of folders are set last, when nothing changes in them any more."""
        folders: list[tuple[Path, Item]] = []
        for item in items:
            path = place / item.name if item.name else place
            if stat.S_ISDIR(item.status.st_mode):
                if self._put_folder(path, item):
                    folders.append((path, item))
            else:
                self._put_other(path, item)
        for path, item in reversed(folders):
            _set_times(path, item.status)

    def put_inline(self, path: Path, content: bytes) -> None:
        """Write a file that stands in the Dockerfile: 0644, or as --chmod says."""
        self._make_room(path)
        path.write_bytes(content)
        owner = self.manner.owner or Owner(0, 0)
        os.chown(path, owner.uid, owner.gid)
        path.chmod(self.manner.mode(_NEW_FILE, False) if self.manner.mode else _NEW_FILE)  # noqa: FBT003 - its shape

    def _put_folder(self, path: Path, item: Item) -> bool:
        """Make a folder and tell whether it took the source's owner, mode and time: new ones and those below do."""
        created = not os.path.lexists(path)
        if created:
            path.mkdir()
        elif path.is_symlink() or not path.is_dir():
            raise InputError(f"cannot copy to non-directory: /{path.relative_to(self.root)}")
        if not created and (not item.name or item.only_parent):
            return False
        self._set_owner_and_mode(path, item)
        return True

    def _put_other(self, path: Path, item: Item) -> None:
        """Copy a file, link, device or pipe in place of what is there; sockets are left out."""
        status = item.status
        self._make_room(path)
        if stat.S_ISSOCK(status.st_mode):
            return
        if stat.S_ISREG(status.st_mode):
            first = self._links.get((status.st_dev, status.st_ino)) if status.st_nlink > 1 else None
            if first is not None:
                path.hardlink_to(first)
                return
            _copy_content(item.source, path)
            if status.st_nlink > 1:
                self._links[status.st_dev, status.st_ino] = path
        elif stat.S_ISLNK(status.st_mode):
            path.symlink_to(item.source.readlink())
        else:
            os.mknod(path, status.st_mode, status.st_rdev)
        self._set_owner_and_mode(path, item)
        _set_times(path, status)

    def _make_room(self, path: Path) -> None:
        try:
            found = path.lstat()
        except FileNotFoundError:
            return
        if stat.S_ISDIR(found.st_mode):
            raise InputError(f"cannot replace directory /{path.relative_to(self.root)} with file")
        path.unlink()

    def _set_owner_and_mode(self, path: Path, item: Item) -> None:
        status = item.status
        owner = self.manner.owner or Owner(status.st_uid, status.st_gid)
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            return
        old = stat.S_IMODE(status.st_mode)
        change = self.manner.mode
        path.chmod(change(old, stat.S_ISDIR(status.st_mode)) if change else old)
        for name in os.listxattr(item.source, follow_symlinks=False):
            if name.startswith(_KEPT_XATTRS) and not name.startswith("user.overlay."):
                os.setxattr(path, name, os.getxattr(item.source, name, follow_symlinks=False), follow_symlinks=False)


def _copy_content(source: Path, path: Path) -> None:
    """Copy bytes inside the kernel; holes are not kept, as in BuildKit."""
    reader = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        writer = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            while os.sendfile(writer, reader, None, _CHUNK_BYTES):
                pass
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def _set_times(path: Path, status: os.stat_result) -> None:
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns), follow_symlinks=False)
