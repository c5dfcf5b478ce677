"""Putting files into an image: what COPY and ADD do to the target.

Source: copy.go of tonistiigi/fsutil and docopy of moby/buildkit, whose rules these are.
"""

import os
import posixpath
import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec

from brewhouse.build.files.content import kept_attributes
from brewhouse.build.files.links import FirstNames
from brewhouse.build.files.mode import ChangeMode
from brewhouse.build.files.walk import Item
from brewhouse.errors import InputError
from brewhouse.system.confine import confine

_NEW_FOLDER = 0o755
_NEW_FILE = 0o644
_CHUNK_BYTES = 1 << 24
_SMALL_BYTES = 1 << 16
_SECOND_NS = 1_000_000_000
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Owner(msgspec.Struct, frozen=True):
    """A user and a group by number."""

    uid: int
    gid: int


class Manner(msgspec.Struct, frozen=True):
    """How files are put: `owner` for all (None keeps the source's), `mode` for all (None keeps the source's).

    `folder_mode` is for the folders that are made above what is put. `keeps_attributes` is false for what comes from
    the user's folders: BuildKit sends it with its attributes, but gives it an owner after them, and the kernel takes
    the capabilities of a file that gets one. Source: rewriteMetadata of tonistiigi/fsutil.
    """

    owner: Owner | None = None
    mode: ChangeMode | None = None
    folder_mode: int = _NEW_FOLDER
    keeps_attributes: bool = True


def manner_for_foreign(manner: Manner) -> Manner:
    """Return how files are put whose owners and attributes mean nothing: root's, and without attributes."""
    return msgspec.structs.replace(manner, owner=manner.owner or Owner(0, 0), keeps_attributes=False)


class Target:
    """A root file system that files are put into, as BuildKit's copier puts them."""

    def __init__(self, root: Path, manner: Manner) -> None:
        """Put files below `root`."""
        self.root = root
        self.manner = manner
        self._names = FirstNames()

    def place(self, destination: str, source_name: str, *, is_folder: bool) -> Path:
        """Return where a source goes, its folders made: into `destination` if that is a folder or ends in `/`.

        A folder's contents go into `destination` itself, which is made if it is not there.
        """
        parent, name = posixpath.split(destination)
        self.make_folders(destination if name in ("", ".") else parent)
        path = self._resolve(destination)
        if is_folder:
            if not path.exists():
                self.make_folders(destination)
            return path
        if path.is_dir():
            path /= posixpath.basename(source_name)
        self.make_folders("/" + str(path.parent.relative_to(self.root)))
        return path

    def make_folders(self, path: str) -> None:
        """Make `path` and what is missing above it: 0755 or as an octal --chmod says, and owned as new files are."""
        missing = []
        folder = self._resolve(path)
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        if not folder.is_dir():
            raise InputError(f"mkdir {self._shown(str(folder))}: not a directory")
        owner = self.manner.owner or Owner(0, 0)
        for folder in reversed(missing):
            folder.mkdir()
            os.chown(folder, owner.uid, owner.gid)
            folder.chmod(self.manner.folder_mode)

    def _resolve(self, path: str) -> Path:
        """Return where `path` is below the root; raises InputError, in BuildKit's words, for one below a file."""
        place = confine(self.root, path)
        try:
            place.lstat()
        except NotADirectoryError as error:
            below = next(part for part in (*reversed(place.parents), place) if not part.parent.is_dir())
            raise InputError(f"lstat {self._shown(str(below))}: not a directory") from error
        except FileNotFoundError:
            pass
        return place

    def put(self, items: Iterable[Item], place: Path) -> None:
        """Copy `items` to below `place`; a folder's time is set when nothing changes in it any more.

        A folder that is the source itself gives its time even to one that was there, and nothing else.
        """
        self._names = FirstNames()
        folders: list[tuple[str, os.stat_result]] = []
        for item in items:
            path = f"{place}/{item.name}" if item.name else str(place)
            while folders and not path.startswith(f"{folders[-1][0]}/"):
                _set_times(*folders.pop())
            if stat.S_ISDIR(item.status.st_mode):
                if self._put_folder(path, item):
                    folders.append((path, item.status))
            else:
                self._put_other(path, item)
        while folders:
            _set_times(*folders.pop())

    def put_inline(self, path: Path, content: bytes) -> None:
        """Write a file that stands in the Dockerfile: 0644, or as --chmod says."""
        self._make_room(str(path))
        path.write_bytes(content)
        owner = self.manner.owner or Owner(0, 0)
        os.chown(path, owner.uid, owner.gid)
        path.chmod(self.manner.mode(_NEW_FILE, False) if self.manner.mode else _NEW_FILE)  # noqa: FBT003 - its shape

    def _put_folder(self, path: str, item: Item) -> bool:
        """Make a folder, or take the one that is there, and tell whether it is to get the source's time."""
        created = not os.path.lexists(path)
        if created:
            os.mkdir(path)
        elif os.path.islink(path) or not os.path.isdir(path):
            raise self._no_folder(path)
        if created or (item.name and not item.only_parent):
            self._set_owner_and_mode(path, item)
        elif item.only_parent:
            os.chmod(path, stat.S_IMODE(item.status.st_mode))
        return not item.only_parent

    def _put_other(self, path: str, item: Item) -> None:
        """Copy a file, link, device or pipe in place of what is there; a socket becomes an empty file."""
        status = item.status
        if stat.S_ISREG(status.st_mode):
            first = self._names.first(path, status)
            if first == path:
                self._put_file(path, item)
                return
        self._make_room(path)
        if stat.S_ISREG(status.st_mode):
            os.link(first, path)
            return
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(item.source), path)
        elif stat.S_ISSOCK(status.st_mode):
            os.close(os.open(path, _NEW, 0o600))
        else:
            os.mknod(path, status.st_mode, status.st_rdev)
        self._set_owner_and_mode(path, item)
        _set_times(path, status)

    def _put_file(self, path: str, item: Item) -> None:
        """Copy a regular file; all is done through descriptors, since looking up paths costs as much as the rest."""
        reader = os.open(item.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            try:
                writer = os.open(path, _NEW, 0o600)
            except FileExistsError:
                self._make_room(path)
                writer = os.open(path, _NEW, 0o600)
            try:
                _copy_content(reader, writer, item.status.st_size)
                self._set_owner_and_mode(writer, item, reader)
                _set_times(writer, item.status)
            finally:
                os.close(writer)
        finally:
            os.close(reader)

    def _make_room(self, path: str) -> None:
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(found.st_mode):
            raise InputError(f"cannot replace to directory {self._shown(path)} with file")
        os.unlink(path)

    def _set_owner_and_mode(self, place: str | int, item: Item, source: int | None = None) -> None:
        """Give `place`, a path or a descriptor, what the item has; `source` is its descriptor, if it is open."""
        status = item.status
        owner = self.manner.owner or Owner(status.st_uid, status.st_gid)
        if stat.S_ISLNK(status.st_mode):
            os.chown(place, owner.uid, owner.gid, follow_symlinks=False)
            return
        os.chown(place, owner.uid, owner.gid)
        old = stat.S_IMODE(status.st_mode)
        change = self.manner.mode
        os.chmod(place, change(old, stat.S_ISDIR(status.st_mode)) if change else old)
        if not self.manner.keeps_attributes:
            return
        origin = item.source if source is None else source
        for name in kept_attributes(origin):
            os.setxattr(place, name, os.getxattr(origin, name))

    def _no_folder(self, path: str) -> InputError:
        return InputError(f"cannot copy to non-directory: {self._shown(path)}")

    def _shown(self, path: str) -> str:
        """Return a path as the image knows it."""
        return "/" + os.path.relpath(path, self.root)


def _copy_content(reader: int, writer: int, size: int) -> None:
    """Copy all bytes, a small file by one read, others inside the kernel; holes are not kept, as in BuildKit."""
    if size <= _SMALL_BYTES:
        content = os.read(reader, size + 1)
        os.write(writer, content)
        if len(content) == size:
            return
    while os.sendfile(writer, reader, None, _CHUNK_BYTES):
        pass


def _set_times(place: str | int, status: os.stat_result) -> None:
    """Set the time of the source, in whole seconds as layers have it."""
    mtime_ns = status.st_mtime_ns // _SECOND_NS * _SECOND_NS
    if isinstance(place, int):
        os.utime(place, ns=(mtime_ns, mtime_ns))
    else:
        os.utime(place, ns=(mtime_ns, mtime_ns), follow_symlinks=False)
