"""What an upper directory holds without having changed it: left out of the layer, as BuildKit leaves it out.

Source: util/overlay/overlay_linux.go of moby/buildkit; sameDirent of containerd/continuity.
"""

import errno
import filecmp
import os
import stat
from pathlib import Path

from brewhouse.system.archive.whiteout import opaque_attribute
from brewhouse.system.folders import is_empty

_SECOND_NS = 1_000_000_000
_CAPABILITY = "security.capability"


def drop_unchanged(upper: Path, base: Path) -> None:
    """Remove from `upper` what is the same in `base`, the root file system that it was laid over.

    Folders are the same whatever their time; files and links by size, time and, where times are whole seconds, content.
    A file with several names stays, or what the others are linked to would be missing.
    A folder that hides all below it says so by a whiteout for each name from then on.
    """
    _drop_in(str(upper), str(base), opaque_attribute())


def _drop_in(upper: str, base: str, opaque: str) -> None:
    for name in os.listdir(upper):
        path, below = f"{upper}/{name}", f"{base}/{name}"
        found_below = _status(below)
        if found_below is None:
            continue
        status = os.lstat(path)
        if stat.S_ISDIR(status.st_mode):
            _drop_folder(path, below, found_below, opaque)
        elif not _is_whiteout(status) and status.st_nlink == 1 and _is_same(path, status, below, found_below):
            os.unlink(path)


def _drop_folder(upper: str, base: str, below: os.stat_result, opaque: str) -> None:
    if _is_opaque(upper, opaque):
        _spell_out(upper, base if stat.S_ISDIR(below.st_mode) else None, opaque)
    if not stat.S_ISDIR(below.st_mode):
        return
    before = os.stat(upper)
    _drop_in(upper, base, opaque)
    if is_empty(upper) and _is_same(upper, before, base, below):
        os.rmdir(upper)
    else:
        os.utime(upper, ns=(before.st_atime_ns, before.st_mtime_ns))


def _spell_out(upper: str, base: str | None, opaque: str) -> None:
    """Put a whiteout for each name that an opaque folder hides in place of the mark that hides them all."""
    before = os.stat(upper)
    for name in os.listdir(base) if base else []:
        path = f"{upper}/{name}"
        status = _status(path)
        if status is None:
            os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))
        elif stat.S_ISDIR(status.st_mode) and os.path.isdir(f"{base}/{name}"):
            os.setxattr(path, opaque, b"y")
    os.removexattr(upper, opaque)
    os.utime(upper, ns=(before.st_atime_ns, before.st_mtime_ns))


def _is_same(upper: str, status: os.stat_result, base: str, below: os.stat_result) -> bool:
    if (status.st_mode, status.st_uid, status.st_gid, status.st_rdev) != (
        below.st_mode,
        below.st_uid,
        below.st_gid,
        below.st_rdev,
    ):
        return False
    if _attribute(upper, _CAPABILITY) != _attribute(base, _CAPABILITY):
        return False
    if stat.S_ISDIR(status.st_mode):
        return True
    if (status.st_size, status.st_mtime_ns) != (below.st_size, below.st_mtime_ns):
        return False
    return status.st_mtime_ns % _SECOND_NS != 0 or _has_same_content(upper, base, status.st_mode)


def _has_same_content(upper: str, base: str, mode: int) -> bool:
    if stat.S_ISLNK(mode):
        return os.readlink(upper) == os.readlink(base)
    return not stat.S_ISREG(mode) or filecmp.cmp(upper, base, shallow=False)


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _is_opaque(path: str, attribute: str) -> bool:
    return _attribute(path, attribute) == b"y"


def _attribute(path: str, name: str) -> bytes | None:
    try:
        return os.getxattr(path, name, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return None
        raise


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
