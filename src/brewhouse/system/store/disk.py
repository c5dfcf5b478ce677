"""Files and folders of the store: written whole or not at all, and removed whatever their modes."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from brewhouse.errors import HostError


def new_folder(parent: Path, kind: str) -> Path:
    """Make an empty folder in `parent`, named after its kind, that nobody else uses; only we may look into it."""
    folder = parent / f"{kind}-{new_name()}"
    folder.mkdir(0o700)
    return folder


def write_file(path: Path, content: bytes, *, tmp: Path) -> None:
    """Write a whole file or nothing: temporary name, fsync, rename, fsync of the folder."""
    temporary = tmp / new_name()
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def whole_file(path: Path, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """Give a file to be written that takes the place of `path` once the block has ended well.

    Until then it has no name, so that a killed process leaves nothing beside `path`; only where the file system knows
    no such files it has a temporary one.
    """
    temporary = path.with_name(f".brewhouse-{new_name()}")
    try:
        with os.fdopen(_open_nameless(path.parent, temporary, mode), "wb") as file:
            yield file
            file.flush()
            _give_name(file.fileno(), temporary)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def _open_nameless(folder: Path, temporary: Path, mode: int) -> int:
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, mode)
    except OSError as error:
        # What file systems and kernels without such files answer. Source: open(2).
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
            raise
        return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)


def _give_name(file: int, temporary: Path) -> None:
    """Let a file that has no name be found under one."""
    if os.fstat(file).st_nlink:
        return
    folder = os.open(temporary.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.link(f"/proc/self/fd/{file}", temporary.name, dst_dir_fd=folder)
    finally:
        os.close(folder)


def sync_folder(path: Path) -> None:
    """Have the names in a folder outlast a loss of power."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_tree(path: Path) -> None:
    """Remove a file, or a folder with all in it, whatever its modes and however deep it is; what is gone is no fault.

    Folders are moved up to `path` before they are emptied, so that neither paths nor calls grow with the depth.
    """
    root = os.fspath(path)
    with suppress(FileNotFoundError):
        if not stat.S_ISDIR(os.lstat(root).st_mode):
            os.unlink(root)
            return
        left = [root]
        while left:
            left += _emptied(left.pop(), root)
        os.rmdir(root)


def _emptied(folder: str, root: str) -> list[str]:
    """Remove what is in a folder, and the folder unless it is `root`; return the folders of it, which lie in `root`."""
    below = []
    with suppress(FileNotFoundError):  # another process may be removing the same leftovers
        with suppress(PermissionError):
            os.chmod(folder, 0o700)  # mode 000 remains on overlay's work directory
        for name in os.listdir(folder):
            path = f"{folder}/{name}"
            try:
                os.unlink(path)
            except IsADirectoryError:
                if folder != root:
                    above, path = path, f"{root}/{new_name()}"
                    os.rename(above, path)
                below.append(path)
        if folder != root:
            os.rmdir(folder)
    return below


def free_bytes(folder: Path) -> int:
    """Return how much more the file system of a folder can hold."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def new_name() -> str:
    """Return a name that nothing else has."""
    return os.urandom(8).hex()


def disk_error(error: OSError, root: Path, *, is_store: bool = False) -> HostError:
    """Return the error line for what the file system refused of what is written to `root`."""
    where = error.filename or root
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        mend = "free some, or run: brewhouse prune" if is_store else "free some, or choose another place"
        return HostError(f"no space left for {'the store ' if is_store else ''}{root}", hint=mend)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        mend = "choose another store: --store DIR" if is_store else "choose another place"
        return HostError(f"cannot write {where}: {error.strerror}", hint=mend)
    return HostError(f"{where}: {error.strerror or error}")
