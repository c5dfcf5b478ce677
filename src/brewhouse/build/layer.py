"""Layers: the upper directory of an overlay, or entries in memory, as a sorted tar with whiteouts, stored as a blob.

The same files give the same diff_id on every machine: sorted names, whole seconds, no names of users, no inode numbers.
Source: image-spec layer.md; overlayfs.rst of the Linux kernel, "whiteouts and opaque directories".
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from brewhouse.build.clamp import Clamp
from brewhouse.build.files.links import FirstNames
from brewhouse.errors import BrewError
from brewhouse.model import StoredLayer
from brewhouse.system.archive.packer import store_layer
from brewhouse.system.archive.tar import END, SECOND_NS, Entry, Kind, header, padding
from brewhouse.system.archive.whiteout import OPAQUE, PREFIX, is_opaque
from brewhouse.system.folders import check_depth, sorted_names
from brewhouse.system.store.layerblob import Compression
from brewhouse.system.store.layout import Layout

_READ_BYTES = 1 << 20
_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
}


class Member(msgspec.Struct, frozen=True):
    """An entry with where its content is: in memory, or in the file at a path."""

    entry: Entry
    content: bytes | str = b""


def pack_layer(
    upper: Path, layout: Layout, *, clamp: Clamp | None = None, compression: Compression = "gzip"
) -> StoredLayer:
    """Return the layer that holds the difference in `upper`, stored as a blob.

    Times are clamped in `upper` as well, so that it can become the layer's snapshot. Sockets are left out.
    """
    return store_layer(layer_tar(upper, clamp), layout, compression)


def layer_tar(upper: Path, clamp: Clamp | None = None) -> Iterator[bytes]:
    """Return the pieces of the tar that holds the difference in `upper`, whose times are clamped at once."""
    clamp_times(upper, clamp)
    return tar_stream(walk_upper(upper))


def pack_members(members: Iterable[Member], layout: Layout, *, compression: Compression = "gzip") -> StoredLayer:
    """Return the layer of `members`, in the order in which they come, stored as a blob."""
    return store_layer(tar_stream(members), layout, compression)


def tar_stream(members: Iterable[Member]) -> Iterator[bytes]:
    """Yield the pieces of a tar."""
    for member in members:
        entry = member.entry
        yield header(entry)
        if entry.kind == "file" and entry.size:
            yield from _read_file(member.content, entry.size) if isinstance(member.content, str) else [member.content]
            yield padding(entry.size)
    yield END


def clamp_times(upper: Path, clamp: Clamp | None) -> None:
    """Set all times in `upper` to whole seconds, clamped if so wished."""
    _clamp_below(os.fspath(upper), clamp, 0)


def _clamp_below(folder: str, clamp: Clamp | None, depth: int) -> None:
    check_depth(depth, "a layer", f"/{'/'.join(folder.split('/')[-depth:])}")
    with os.scandir(folder) as found:
        for item in found:
            status = item.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                _clamp_below(item.path, clamp, depth + 1)
            wanted = clamp.apply(status.st_mtime_ns) if clamp else status.st_mtime_ns // SECOND_NS * SECOND_NS
            if wanted != status.st_mtime_ns:
                os.utime(item.path, ns=(wanted, wanted), follow_symlinks=False)


def walk_upper(upper: Path) -> Iterator[Member]:
    """Yield what `upper` holds, sorted, parents first, with overlay's marks as whiteouts.

    Overlay's marks are a character device 0:0 in the place of a removed file, and an attribute on a directory that
    hides the one below. The names of one file come as links to the first of them. The root itself is no member.
    """
    names = FirstNames()
    for path, name, status in _walk(os.fspath(upper), ""):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode))
        if kind is None:
            continue
        if kind == "char" and status.st_rdev == 0:
            folder, slash, base = name.rpartition("/")
            yield _whiteout(folder + slash + PREFIX + base)
            continue
        first = name if kind == "directory" else names.first(name, status)
        if first != name:
            yield Member(_entry(name, "link", status, linkname=first))
            continue
        xattrs = _xattrs(path)
        linkname = os.readlink(path) if kind == "symlink" else ""  # noqa: PTH115 - Path.readlink tidies what it reads
        # As Docker: containerd's differ writes no other attribute, whatever the file has (recorded from BuildKit).
        kept = {key: xattrs[key] for key in xattrs if key == "security.capability"}
        entry = _entry(name, kind, status, linkname=linkname, xattrs=kept)
        yield Member(entry, path if kind == "file" else b"")
        if kind == "directory" and any(is_opaque(attribute, value) for attribute, value in xattrs.items()):
            yield _whiteout(f"{name}/{OPAQUE}")


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, str, os.stat_result]]:
    """Yield path, name below the root and status of all that is in `folder`, sorted by the bytes of the names."""
    for raw in sorted_names(folder):
        name = os.fsdecode(raw)
        path = f"{folder}/{name}"
        status = os.lstat(path)
        yield path, prefix + name, status
        if stat.S_ISDIR(status.st_mode):
            yield from _walk(path, f"{prefix}{name}/")


def _entry(
    name: str, kind: Kind, status: os.stat_result, *, linkname: str = "", xattrs: Mapping[str, bytes] | None = None
) -> Entry:
    return Entry(
        name,
        kind,
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_size if kind == "file" else 0,
        status.st_mtime_ns,
        linkname,
        (os.major(status.st_rdev), os.minor(status.st_rdev)) if kind in ("char", "block") else (0, 0),
        xattrs or {},
    )


def _whiteout(name: str) -> Member:
    return Member(Entry(name, mode=0))


def _xattrs(path: str) -> dict[str, bytes]:
    """Return the extended attributes of a file, those of overlayfs included.

    Raises BrewError where overlayfs keeps there what only its own mount understands.
    """
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return {}
        raise
    found = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    for name in found:
        if name.endswith((".overlay.redirect", ".overlay.metacopy")):
            raise BrewError(f"{path} has {name}, so the layer would lack its content", hint="turn off metacopy")
    return found


def _read_file(path: str, size: int) -> Iterator[bytes]:
    """Yield `size` bytes of a file; raises BrewError where it has become shorter."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        left = size
        while left:
            chunk = os.read(file, min(left, _READ_BYTES))
            if not chunk:
                raise BrewError(f"{path} became shorter while it was packed", hint="let nothing write there meanwhile")
            left -= len(chunk)
            yield chunk
    finally:
        os.close(file)
