"""Overlay mounts: lower directories, and an upper one that then holds the difference and nothing else."""

import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from brewhouse.errors import HostError, InputError
from brewhouse.system import kernel
from brewhouse.system.confine import confine
from brewhouse.system.folders import is_empty
from brewhouse.system.namespace import in_user_namespace

# index, metacopy and redirect_dir would leave in the upper directory what only this very mount understands. Volatile:
# a step that a crash cut short is run again, so that its fsyncs, dpkg's thousands, buy nothing.
_BOOKKEEPING = (".overlay.origin", ".overlay.impure", ".overlay.uuid")
_WRITABLE = ("index=off", "metacopy=off", "redirect_dir=nofollow", "volatile")


@contextmanager
def overlay(lowers: Sequence[Path], upper: Path | None, work: Path | None, mountpoint: Path) -> Iterator[Path]:
    """Mount `lowers` (base first, the topmost last) on `mountpoint` during the block, and give it back.

    Writes go to `upper`, which takes owner and mode of its root from the topmost lower; `work` is an empty directory in
    the same file system, of no use afterwards. With neither the mount is read-only. All directories must exist. Once
    the block is done, `upper` holds no directory that came up from below and is as it was.
    Raises HostError where the kernel refuses, InputError for too many lowers.
    """
    if upper and is_empty(upper):
        _copy_owner_and_mode(lowers[-1], upper)
    _mount(lowers, upper, work, mountpoint)
    try:
        yield mountpoint
    finally:
        kernel.unmount(mountpoint)
    if upper:
        _drop_unchanged(upper, [*reversed(lowers)])


@contextmanager
def memory_folder(folder: Path) -> Iterator[Path]:
    """Mount a folder that is kept in memory, for what must never be written to a disk, during the block."""
    kernel.mount("tmpfs", folder, "tmpfs", options="mode=0700")
    try:
        yield folder
    finally:
        kernel.unmount(folder)


def _mount(lowers: Sequence[Path], upper: Path | None, work: Path | None, mountpoint: Path) -> None:
    with ExitStack() as opened:

        def short(path: Path) -> str:
            # All options must fit into one page, and a path may hold `:` and `,`: 127 open directories do fit.
            number = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, number)
            return f"/proc/self/fd/{number}"

        # A read-only overlay of one directory is refused; the empty mount point makes a second.
        stack = [*reversed(lowers)] if upper or len(lowers) > 1 else [*lowers, mountpoint]
        options = ["lowerdir=" + ":".join(short(path) for path in stack)]
        if upper and work:
            options += [f"upperdir={short(upper)}", f"workdir={short(work)}", *_WRITABLE]
        if in_user_namespace():
            # Marks of overlayfs as trusted.* are refused there, and dpkg would meet EXDEV.
            options.append("userxattr")
        if len(",".join(options)) >= mmap.PAGESIZE:
            mend = "have fewer instructions make layers: join RUNs, or copy what stages made"
            raise InputError(f"{len(lowers)} layers are more than the kernel can stack", hint=mend)
        try:
            # A device node in a layer would open the host's device: no cgroup here forbids it.
            kernel.mount("overlay", mountpoint, "overlay", flags=kernel.MS_NODEV, options=",".join(options))
        except OSError as error:
            raise _refused(error, mountpoint) from error


def _drop_unchanged(upper: Path, lowers: Sequence[Path]) -> None:
    """Remove from `upper` the empty directories that say nothing new.

    Overlayfs copies up the directories above whatever is written, and they stay when that is removed again, as mount
    points are. `lowers` have the topmost first.
    """
    unchanged = []
    for folder, names, _ in os.walk(upper):
        copies = {name: _directory_below(Path(folder, name).relative_to(upper), lowers) for name in names}
        same = [name for name, below in copies.items() if below and _facts(Path(folder, name)) == _facts(below)]
        unchanged += [Path(folder, name) for name in same]
        # What lies in a new directory, or one that hides what is below, is new as well, whatever it looks like.
        names[:] = [name for name, below in copies.items() if below and not _is_opaque(Path(folder, name))]
    for path in reversed(unchanged):
        if is_empty(path):
            parent = path.parent.stat()
            path.rmdir()
            os.utime(path.parent, ns=(parent.st_atime_ns, parent.st_mtime_ns))


def _directory_below(name: Path, lowers: Sequence[Path]) -> Path | None:
    """Return the directory that `name` is a copy of, if it is one; anything else in its place hides what is lower."""
    for lower in lowers:
        path = lower / name
        if confine(lower, str(name), follow_last=False) != path:
            return None
        if os.path.lexists(path):
            return path if path.is_dir() and not path.is_symlink() else None
    return None


def _is_opaque(path: Path) -> bool:
    return any(name.endswith(".overlay.opaque") for name in os.listxattr(path))


def _facts(path: Path) -> object:
    """Return all that a layer would say of a directory: opaque is among it."""
    found = path.stat()
    marks = {name: os.getxattr(path, name) for name in os.listxattr(path) if not name.endswith(_BOOKKEEPING)}
    return found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, marks


def _copy_owner_and_mode(source: Path, target: Path) -> None:
    found = source.stat()
    os.chown(target, found.st_uid, found.st_gid)
    target.chmod(found.st_mode & 0o7777)


def _refused(error: OSError, mountpoint: Path) -> HostError:
    message = f"cannot mount an overlay on {mountpoint}: {error.strerror}"
    if not any(line.split()[-1] == "overlay" for line in Path("/proc/filesystems").read_text().splitlines()):
        return HostError(message, hint="as root: modprobe overlay")
    return HostError(message, hint="keep the store on ext4, xfs or btrfs, not on an overlay or a network: --store DIR")
