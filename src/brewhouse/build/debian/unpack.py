"""Unpacking of packages into an empty root, several at a time, as dpkg would leave them before it configures any."""

import os
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from brewhouse.build.debian.deb import Deb, open_data
from brewhouse.errors import IntegrityError
from brewhouse.system.confine import confine

# The directories that are links into /usr in every Debian since bookworm, whether or not a package brings the link.
MERGED = frozenset({"bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32"})

_COPY_BYTES = 1 << 20


class Unpacked(msgspec.Struct, frozen=True):
    """A package in the root: its paths in the order of its tar ("/.", "/bin", "/bin/bash"), and its directories."""

    deb: Deb
    paths: tuple[str, ...]
    directories: tuple[tarfile.TarInfo, ...]


def unpack_all(debs: Sequence[Deb], root: Path, advance: Callable[[int, int], None]) -> list[Unpacked]:
    """Unpack `debs` into `root` and return them in the same order; needs the right to give files to other users.

    Where several packages have a directory, the first in order says who owns it. Raises IntegrityError for paths that
    lead out of the root, for devices, and for a file that two packages bring.
    """
    unpacker = _Unpacker(root)
    guard = threading.Lock()
    done = 0

    def unpack(deb: Deb) -> Unpacked:
        nonlocal done
        unpacked = unpacker.unpack(deb)
        with guard:
            done += 1
            advance(done, len(debs))
        return unpacked

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        # The largest first, so that no thread is left alone with it at the end.
        largest_first = sorted(debs, key=lambda deb: deb.path.stat().st_size, reverse=True)
        tasks = {deb.path: pool.submit(unpack, deb) for deb in largest_first}
        try:
            unpacked = [tasks[deb.path].result() for deb in debs]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    unpacker.set_directories(info for package in unpacked for info in package.directories)
    return unpacked


class _Unpacker:
    """A root that packages are unpacked into."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: dict[str, Path] = {"": root}
        self._guard = threading.Lock()

    def unpack(self, deb: Deb) -> Unpacked:
        paths: list[str] = []
        directories: list[tarfile.TarInfo] = []
        with open_data(deb) as tar:
            for info in tar:
                name = _safe_name(info.name, deb)
                paths.append(f"/{name or '.'}")
                try:
                    self._extract(tar, info, name, deb)
                except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
                    raise IntegrityError(f"{deb.name} cannot put `/{name}` in place: {error.strerror}") from error
                if info.isdir():
                    info.name = name
                    directories.append(info)
        return Unpacked(deb, tuple(paths), tuple(directories))

    def set_directories(self, infos: Iterable[tarfile.TarInfo]) -> None:
        """Give each directory the owner and mode of the first that names it."""
        first: dict[Path, tarfile.TarInfo] = {}
        for info in infos:
            if info.name not in MERGED:
                first.setdefault(self._folder(info.name), info)
        for folder, info in first.items():
            os.chown(folder, info.uid, info.gid)
            folder.chmod(info.mode & 0o7777)

    def _extract(self, tar: tarfile.TarFile, info: tarfile.TarInfo, name: str, deb: Deb) -> None:
        parent, _, base = name.rpartition("/")
        path = self._folder(parent) / base
        if info.isdir():
            self._folder(name)
        elif info.issym():
            if name in MERGED:
                self._merge(name, info.linkname)
            else:
                path.symlink_to(info.linkname)
            os.chown(path, info.uid, info.gid, follow_symlinks=False)
            _set_time(path, info)
        elif info.islnk():
            linked, _, linked_base = _safe_name(info.linkname, deb).rpartition("/")
            path.hardlink_to(self._folder(linked) / linked_base)
        elif info.isfile():
            _write_file(path, tar, info)
        else:
            raise IntegrityError(f"{deb.name} holds a device or pipe: `{name}`")

    def _folder(self, name: str) -> Path:
        """Return the place of a directory in the root, made with those above it where it is missing."""
        found = self._folders.get(name)
        if found:
            return found
        top = name.partition("/")[0]
        if top in MERGED:
            self._merge(top, f"usr/{top}")
        found = confine(self._root, name)
        found.mkdir(parents=True, exist_ok=True)
        self._folders[name] = found
        return found

    def _merge(self, name: str, target: str) -> None:
        """Make the link of an old top folder into /usr, unless a package before has brought it or needed it."""
        with self._guard:
            path = self._root / name
            if path.is_symlink() and str(path.readlink()) == target:
                return
            (self._root / "usr" / name).mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)


def _safe_name(name: str, deb: Deb) -> str:
    """Return "usr/bin/env" for "./usr/bin/env" and "" for "./"; raises IntegrityError for `..` in it."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\n" in name or "\0" in name:
        raise IntegrityError(f"{deb.name} has a path that leaves the root: `{name!r}`")
    return "/".join(parts)


def _write_file(path: Path, tar: tarfile.TarFile, info: tarfile.TarInfo) -> None:
    content = tar.extractfile(info)
    with path.open("xb", buffering=0) as file:
        if content:
            shutil.copyfileobj(content, file, _COPY_BYTES)
        os.fchown(file.fileno(), info.uid, info.gid)
        # After chown, which takes set-uid bits away.
        os.fchmod(file.fileno(), info.mode & 0o7777)
    _set_time(path, info)


def _set_time(path: Path, info: tarfile.TarInfo) -> None:
    os.utime(path, (info.mtime, info.mtime), follow_symlinks=False)
