"""Archives that ADD unpacks: told by their content, not by their name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brewhouse.build.copy import Owner
from brewhouse.errors import InputError
from brewhouse.system.decompress import decompressed
from brewhouse.system.extract import Unpack, unpack
from brewhouse.system.stream import Stream, prefetched
from brewhouse.system.untar import read_entries


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


def unpack_archive(path: Path, folder: Path, owner: Owner | None = None) -> None:
    """Unpack a tar onto a folder as `tar -x` does, never outside of it; raises InputError for what leads there."""
    with _opened(path) as stream:
        unpack(stream, folder, Unpack(devices="make", owner=(owner.uid, owner.gid) if owner else None))


@contextmanager
def _opened(path: Path) -> Iterator[Stream]:
    with path.open("rb") as file:
        yield Stream(prefetched(decompressed(file, path.name)), path.name)
