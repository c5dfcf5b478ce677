"""Archives that ADD unpacks: told by their content, not by their name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brewhouse.build.files.copy import Owner
from brewhouse.errors import InputError
from brewhouse.system.archive.decompress import FREE_BYTES, LARGEST_RATIO, decompressed
from brewhouse.system.archive.extract import Unpack, unpack
from brewhouse.system.archive.stream import Stream, prefetched
from brewhouse.system.archive.tar import SECOND_NS
from brewhouse.system.archive.untar import read_entries
from brewhouse.system.store.disk import free_bytes


def is_archive(path: Path) -> bool:
    """Tell whether a file is a tar with something in it, plain or compressed.

    Source: isArchivePath of moby/buildkit: what a tar reader can read the first header of.
    """
    if not path.is_file():
        return False
    try:
        with _opened(path) as stream:
            return next(read_entries(stream), None) is not None
    except InputError:
        return False


def newest_file(path: Path) -> int | None:
    """Return when the newest file of a tar was changed, in seconds since 1970; nothing for what is no tar.

    Source: archiveMaxTimeFromRef of dockerfile2llb in moby/buildkit: folders and links do not count.
    """
    newest: int | None = None
    try:
        with _opened(path) as stream:
            for entry in read_entries(stream):
                if entry.kind == "file":
                    newest = max(newest or 0, entry.mtime_ns // SECOND_NS)
    except InputError:
        return None
    return newest


def unpack_archive(path: Path, folder: Path, owner: Owner | None = None) -> None:
    """Unpack a tar onto a folder as `tar -x` does, never outside of it; the folder itself stays as it is.

    Raises InputError for names that lead there by `..`, and for files that are larger than the disk, or than any
    archive of this size can hold: holes count, since whoever reads the files reads zeros.
    """
    room = free_bytes(folder)
    most_bytes = min(room, max(FREE_BYTES, LARGEST_RATIO * path.stat().st_size))
    how = Unpack(
        outside="refuse names",
        devices="make",
        owner=(owner.uid, owner.gid) if owner else None,
        keeps_root=True,
        most_bytes=most_bytes,
    )
    with _opened(path) as stream:
        unpack(stream, folder, how)


@contextmanager
def _opened(path: Path) -> Iterator[Stream]:
    with path.open("rb") as file, prefetched(decompressed(file, path.name)) as pieces:
        yield Stream(pieces, path.name)
