"""Archives unpacked onto a directory, whatever they hold: layers onto snapshots, `ADD` archives, build contexts.

Nothing is written, linked or removed outside the root, whatever names, links and their order say. What Docker does
holds here too: a folder merges with a folder that is there, everything else replaces what is there.
Source: pkg/archive/tar.go of containerd; archive.go and diff.go of moby/go-archive.
"""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeVar, assert_never

import msgspec

from brewhouse.errors import HostError, InputError
from brewhouse.system.archive.stream import Stream
from brewhouse.system.archive.tar import Entry
from brewhouse.system.archive.untar import read_entries
from brewhouse.system.archive.whiteout import META_PREFIX, OPAQUE, PREFIX, belongs_to_layer, opaque_attribute
from brewhouse.system.folders import Folders, leads_out

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_ID = (1 << 32) - 1
_LATEST_NS = (1 << 63) - 1
_TYPES = {"char": stat.S_IFCHR, "block": stat.S_IFBLK, "fifo": stat.S_IFIFO}
# What the file system says of names that an archive should not have.
_ARCHIVE_FAULTS = frozenset(
    {errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EMLINK, errno.ENOENT, errno.ENOTEMPTY}
)


T = TypeVar("T")


class Unpack(msgspec.Struct, frozen=True):
    """How an archive is unpacked.

    `whiteouts`: "overlay" turns them into overlayfs's marks (a layer unpacked by itself), "remove" removes what they
    name (a layer applied to the ones below it), "keep" makes plain files of them (an archive that is no layer).
    `outside`: what names and links lead to above the root is "confine"d, as in a container, or "refuse"d, for a tree
    that programs of the host will read; "refuse names" lets symbolic links be. `devices`: "make", "skip" or "refuse"
    block and character devices. `owner`: user and group of all files instead of the archive's. `keeps_root`: an entry
    for the root itself ("./") changes nothing of it.
    """

    whiteouts: Literal["overlay", "remove", "keep"] = "keep"
    outside: Literal["confine", "refuse", "refuse names"] = "confine"
    devices: Literal["make", "skip", "refuse"] = "refuse"
    owner: tuple[int, int] | None = None
    keeps_root: bool = False
    most_entries: int = 4_000_000
    most_bytes: int = 1 << 38


def unpack(stream: Stream, root: Path, how: Unpack) -> list[str]:
    """Unpack the tar in `stream` onto `root`, and return the folders that it needed without having them.

    Raises InputError for what is no tar, leads out of the root, or is larger than allowed.
    """
    folders = Folders(root, stream.name)
    try:
        _Unpacker(stream, folders, how).run()
    finally:
        folders.close()
    return folders.implied


class _Unpacker:
    """One archive on its way onto a directory."""

    def __init__(self, stream: Stream, folders: Folders, how: Unpack) -> None:
        self._stream = stream
        self._folders = folders
        self._how = how
        self._left_entries = how.most_entries
        self._left_bytes = how.most_bytes
        self._folder_times: dict[str, int] = {}
        self._made: set[tuple[int, int]] = set()
        self._opaque_attribute = opaque_attribute()

    def run(self) -> None:
        for entry in read_entries(self._stream):
            self._count(entry)
            try:
                self._entry(entry)
            except OSError as error:
                if error.errno in _ARCHIVE_FAULTS or _is_kept_from(entry, error):
                    reason = (error.strerror or "cannot be made").lower()
                    raise self._bad(
                        entry, f"linkat {entry.linkname}: {reason}" if entry.linkname else reason
                    ) from error
                raise
        self._set_folder_times()

    def _count(self, entry: Entry) -> None:
        self._left_entries -= 1
        self._left_bytes -= entry.size
        if self._left_entries < 0 or self._left_bytes < 0:
            most = f"{self._how.most_entries} files or {self._how.most_bytes} bytes"
            raise InputError(f"{self._stream.name} holds more than {most}")
        if self._how.outside != "confine":
            self._refuse_outside(entry)

    def _refuse_outside(self, entry: Entry) -> None:
        if leads_out(entry.name):
            raise self._bad(entry, "leads out of the archive: invalid entry name")
        if entry.kind == "symlink" and self._how.outside == "refuse names":
            return
        folder = entry.name.rpartition("/")[0]
        target = entry.linkname if entry.kind == "link" else f"{folder}/{entry.linkname}".lstrip("/")
        if entry.linkname and not (entry.kind == "symlink" and entry.linkname.startswith("/")) and leads_out(target):
            what = "symbolic link" if entry.kind == "symlink" else "invalid hardlink target"
            raise self._bad(entry, f"links to `{entry.linkname}`, out of the archive: {what}")

    def _entry(self, entry: Entry) -> None:
        folder, base = self._folders.locate(entry.name)
        if self._how.whiteouts != "keep" and base.startswith(PREFIX):
            self._whiteout(entry, folder, base)
            return
        if not base:
            if entry.kind == "directory" and not self._how.keeps_root:
                self._dress_folder(entry, folder, ".")
            return
        match entry.kind:
            case "file":
                self._file(entry, base)
            case "directory":
                self._directory(entry, folder, base)
            case "symlink":
                self._special(entry, base, lambda folder: os.symlink(entry.linkname, base, dir_fd=folder))
            case "link":
                self._special(entry, base, lambda folder: self._link(entry, folder, base))
            case "fifo" | "char" | "block":
                if entry.kind == "fifo" or self._device_allowed(entry):
                    mode, device = _TYPES[entry.kind] | 0o600, os.makedev(*entry.device)
                    self._special(entry, base, lambda folder: os.mknod(base, mode, device, dir_fd=folder))
            case _:
                assert_never(entry.kind)

    # What entries become -------------------------------------------------------------------------------------------

    def _file(self, entry: Entry, base: str) -> None:
        file = self._in_place(entry, lambda folder: os.open(base, _NEW_FILE, 0o600, dir_fd=folder))
        try:
            if entry.extents is None:
                self._copy(file, entry.size)
            else:
                for offset, length in entry.extents:
                    os.lseek(file, offset, os.SEEK_SET)
                    self._copy(file, length)
                os.truncate(file, entry.size)
            self._dress(entry, file)
            os.utime(file, ns=_times(entry.mtime_ns))
        finally:
            os.close(file)

    def _copy(self, file: int, size: int) -> None:
        for piece in self._stream.take(size):
            left = piece
            while left:
                left = left[os.write(file, left) :]

    def _directory(self, entry: Entry, folder: int, base: str) -> None:
        try:
            os.mkdir(base, 0o700, dir_fd=folder)
        except FileExistsError:
            found = os.lstat(base, dir_fd=folder)
            if not stat.S_ISDIR(found.st_mode):
                folder = self._make_room(entry)
                os.mkdir(base, 0o700, dir_fd=folder)
                if self._how.whiteouts == "overlay" and stat.S_ISCHR(found.st_mode) and found.st_rdev == 0:
                    self._make_opaque(folder, base)
        self._dress_folder(entry, folder, base)

    def _link(self, entry: Entry, folder: int, base: str) -> None:
        above, target = self._folders.locate(entry.linkname, make=False)
        os.link(target, base, src_dir_fd=above, dst_dir_fd=folder, follow_symlinks=False)

    def _special(self, entry: Entry, base: str, make: Callable[[int], None]) -> None:
        """Make what is no file or directory, with owner, mode and time; the kernel forbids it attributes of users."""
        self._in_place(entry, make)
        folder, _ = self._folders.locate(entry.name)
        found = os.lstat(base, dir_fd=folder)
        # A link's file has its owner already, and chown would take the capabilities away.
        if (self._how.owner or (entry.uid, entry.gid)) != (found.st_uid, found.st_gid):
            self._own(entry, lambda user, group: os.chown(base, user, group, dir_fd=folder, follow_symlinks=False))
        if not stat.S_ISLNK(found.st_mode):
            os.chmod(base, entry.mode, dir_fd=folder)
        os.utime(base, ns=_times(entry.mtime_ns), dir_fd=folder, follow_symlinks=False)
        self._remember(found)

    def _device_allowed(self, entry: Entry) -> bool:
        if self._how.devices == "refuse":
            raise self._bad(entry, "is a device")
        return self._how.devices == "make"

    def _in_place(self, entry: Entry, make: Callable[[int], T]) -> T:
        """Return what `make` returns, called with the entry's folder; what has the entry's name already is removed."""
        folder, _ = self._folders.locate(entry.name)
        try:
            return make(folder)
        except FileExistsError:
            return make(self._make_room(entry))

    def _make_room(self, entry: Entry) -> int:
        """Remove what has the entry's name, and return the folder."""
        self._remove(*self._folders.locate(entry.name))
        return self._folders.locate(entry.name)[0]

    def _remove(self, folder: int, base: str) -> None:
        mode = os.lstat(base, dir_fd=folder).st_mode
        if stat.S_ISDIR(mode):
            import shutil

            shutil.rmtree(base, dir_fd=folder)
        else:
            os.unlink(base, dir_fd=folder)
        if stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
            self._folders.forget()

    # Whiteouts -----------------------------------------------------------------------------------------------------

    def _whiteout(self, entry: Entry, folder: int, base: str) -> None:
        """Turn a whiteout into what it means; one for what this very layer brings hides only what lies below it."""
        if base == OPAQUE and self._how.whiteouts == "overlay":
            self._make_opaque(folder, ".")
        elif base == OPAQUE:
            self._clear(folder)
        if base.startswith(META_PREFIX):
            return
        hidden = base.removeprefix(PREFIX)
        if hidden in ("", ".", ".."):
            raise self._bad(entry, "is no name of a whiteout")
        if self._how.whiteouts == "remove":
            with suppress(FileNotFoundError):
                self._remove(folder, hidden)
            return
        try:
            os.mknod(hidden, stat.S_IFCHR, 0, dir_fd=folder)
        except FileExistsError:
            if stat.S_ISDIR(os.lstat(hidden, dir_fd=folder).st_mode):
                self._make_opaque(folder, hidden)

    def _make_opaque(self, folder: int, base: str) -> None:
        os.setxattr(f"/proc/self/fd/{folder}/{base}", self._opaque_attribute, b"y", follow_symlinks=False)

    def _clear(self, folder: int) -> None:
        """Remove what is in `folder` but does not come from this archive."""
        opened = os.open(".", _FOLDER, dir_fd=folder)
        try:
            for name in os.listdir(opened):  # noqa: PTH208 - a Path has no descriptor
                found = os.lstat(name, dir_fd=opened)
                if (found.st_dev, found.st_ino) not in self._made:
                    self._remove(opened, name)
                elif stat.S_ISDIR(found.st_mode):
                    below = os.open(name, _FOLDER, dir_fd=opened)
                    try:
                        self._clear(below)
                    finally:
                        os.close(below)
        finally:
            os.close(opened)

    # What entries wear ---------------------------------------------------------------------------------------------

    def _dress(self, entry: Entry, file: int) -> None:
        """Set owner, mode and attributes, in this order: a change of owner takes set-uid bits and capabilities away."""
        self._own(entry, lambda user, group: os.fchown(file, user, group))
        os.fchmod(file, entry.mode)
        for name, value in entry.xattrs.items():
            if belongs_to_layer(name):
                try:
                    os.setxattr(file, name, value)
                except OSError as error:
                    if error.errno != errno.ENOTSUP:
                        raise
        self._remember(os.fstat(file))

    def _dress_folder(self, entry: Entry, folder: int, base: str) -> None:
        opened = os.open(base, _FOLDER, dir_fd=folder)
        try:
            self._dress(entry, opened)
        finally:
            os.close(opened)
        self._folder_times[entry.name] = entry.mtime_ns

    def _own(self, entry: Entry, change: Callable[[int, int], None]) -> None:
        user, group = self._how.owner or (entry.uid, entry.gid)
        if not (0 <= user < _NO_ID and 0 <= group < _NO_ID):
            raise self._bad(entry, f"has the owner {user}:{group}")
        try:
            change(user, group)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            mend = "lend more ids in /etc/subuid and /etc/subgid, or run as root"
            raise HostError(f"`{entry.name}` belongs to {user}:{group}, which has no id here", hint=mend) from error

    def _remember(self, found: os.stat_result) -> None:
        if self._how.whiteouts == "remove":
            self._made.add((found.st_dev, found.st_ino))

    def _set_folder_times(self) -> None:
        """Set the times of folders, last because each new file in them changes theirs; 1970 where none was given."""
        for name, mtime_ns in {**dict.fromkeys(self._folders.implied, 0), **self._folder_times}.items():
            with suppress(FileNotFoundError, InputError):
                folder, base = self._folders.locate(name, make=False)
                if stat.S_ISDIR(os.lstat(base or ".", dir_fd=folder).st_mode):
                    os.utime(base or ".", ns=_times(mtime_ns), dir_fd=folder, follow_symlinks=False)

    def _bad(self, entry: Entry, why: str) -> InputError:
        return InputError(f"{self._stream.name}: `{entry.name}` {why}")


def _times(mtime_ns: int) -> tuple[int, int]:
    """Return the times of access and change; what the kernel cannot hold becomes 1970, as containerd has it."""
    bounded = mtime_ns if 0 <= mtime_ns < _LATEST_NS else 0
    return bounded, bounded


def _is_kept_from(entry: Entry, error: OSError) -> bool:
    """Tell whether the kernel refused what it makes for nobody, or for root alone.

    That is another name of a folder, the device that overlayfs keeps for itself, as the mark of what is removed, and
    for an ordinary user any device.
    """
    return error.errno == errno.EPERM and entry.kind in ("link", "char", "block")
