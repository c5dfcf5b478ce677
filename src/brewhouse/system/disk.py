"""Files and folders of the store: written whole or not at all, and removed whatever their modes."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

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


def sync_folder(path: Path) -> None:
    """Have the names in a folder outlast a loss of power."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_tree(path: Path) -> None:
    """Remove a folder with all in it; mode 000 remains on overlay's work directory, so modes are opened on the way."""
    import shutil  # noqa: PLC0415 - 3 ms

    def open_and_retry(function: Callable[[str], object], name: str, _: BaseException | object) -> None:
        with suppress(FileNotFoundError):  # another process may be removing the same leftovers
            Path(name).parent.chmod(0o700)
            if Path(name).is_dir() and not Path(name).is_symlink():
                Path(name).chmod(0o700)
                shutil.rmtree(name, ignore_errors=True)
            elif os.path.lexists(name):
                function(name)

    if os.path.lexists(path):
        shutil.rmtree(path, onerror=open_and_retry)


def new_name() -> str:
    """Return a name that nothing else has."""
    return os.urandom(8).hex()


def disk_error(error: OSError, root: Path) -> HostError:
    """Return the error line for what the file system refused."""
    where = error.filename or root
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return HostError(f"no space left for the store {root}", hint="free some, or run: brewhouse prune")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return HostError(f"cannot write {where}: {error.strerror}", hint="choose another store: --store DIR")
    return HostError(f"{where}: {error.strerror or error}")
