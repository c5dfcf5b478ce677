"""Drive C: of Windows images as folders for overlayfs, one for each layer, unpacked as Linux must have them.

Windows does not tell "Lib" from "lib": names are written as the folders below spell them. What says nothing here is
left out: registry changes, alternate data streams, descriptors. Microsoft's own layers are not unpacked at all.
"""

import hashlib
import posixpath
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from brewhouse.errors import IntegrityError, StoreError
from brewhouse.model import Layer
from brewhouse.oci.digest import Digest, digest_of, hex_part
from brewhouse.oci.document import ImageConfig
from brewhouse.system.archive.decompress import decompressed
from brewhouse.system.archive.extract import Unpack, unpack
from brewhouse.system.archive.stream import Stream, prefetched
from brewhouse.system.archive.tar import END, Entry, header, padding
from brewhouse.system.archive.untar import read_entries
from brewhouse.system.archive.whiteout import PREFIX
from brewhouse.system.store.disk import new_name, remove_tree
from brewhouse.system.store.layout import Layout
from brewhouse.system.windows.entries import FILES
from brewhouse.system.windows.paths import drive_path, fold

# How Microsoft's builds call the layers that are Windows itself.
_OF_WINDOWS = ("Apply image ", "Install update ")


def count_windows_layers(config: ImageConfig) -> int:
    """Return how many of the lowest layers are Windows itself, by the history that Microsoft gives them."""
    steps = [step for step in config.history if not step.empty_layer]
    count = 0
    while count < len(steps) and steps[count].created_by.startswith(_OF_WINDOWS):
        count += 1
    return count


class Spelling:
    """How names are written in a stack of folders."""

    def __init__(self, roots: Sequence[Path]) -> None:
        """Look into `roots`; where two have a name, the spelling of the first counts."""
        self._roots = roots
        self._known: dict[str, dict[str, str]] = {}

    def find(self, path: str) -> str:
        """Return `path` ("python/lib") as it is spelt ("Python/Lib"); what is new stays as it is, and is remembered."""
        found = ""
        for part in filter(None, path.split("/")):
            names = self._names(found)
            found = f"{found}/{names.setdefault(fold(part), part)}".lstrip("/")
        return found

    def _names(self, folder: str) -> dict[str, str]:
        if folder not in self._known:
            names: dict[str, str] = {}
            for root in self._roots:
                path = root / folder
                for name in sorted(item.name for item in path.iterdir()) if path.is_dir() else ():
                    names.setdefault(fold(name), name)
            self._known[folder] = names
        return self._known[folder]


class Drives:
    """The unpacked layers of Windows images in a store."""

    def __init__(self, layout: Layout, template: Path | None, left_out: Collection[Digest] = ()) -> None:
        """Keep them in the cache; they stand on `template`, the drive of an empty Windows, where there is one.

        `left_out` are layers that are Windows itself.
        """
        self._layout = layout
        self._template = template
        self._left_out = left_out
        self._folder = layout.cache / "drives"

    def stack(self, layers: Sequence[Layer]) -> list[Path]:
        """Return the folders of `layers`, the lowest first, and below them the template.

        Raises IntegrityError for a layer with another diff_id than it should have, StoreError for a missing blob.
        """
        paths = [self._template] if self._template else []
        own = [layer for layer in layers if layer.diff_id not in self._left_out]
        for number, layer in enumerate(own):
            place = self.place(own[: number + 1])
            if not place.is_dir():
                self._unpack(layer, place, Spelling(paths))
            paths.append(place)
        return paths

    def place(self, layers: Sequence[Layer]) -> Path:
        """Return where the folder of the uppermost of `layers` is, or would be: it depends on all below."""
        own = [layer.diff_id for layer in layers if layer.diff_id not in self._left_out]
        names = [self._template.parent.name if self._template else "", *own]
        return self._folder / hex_part(digest_of(" ".join(names).encode()))

    def adopt(self, layers: Sequence[Layer], upper: Path) -> None:
        """Take a folder that holds what the uppermost of `layers` does."""
        self._folder.mkdir(exist_ok=True)
        if not self.place(layers).is_dir():
            upper.rename(self.place(layers))

    def _unpack(self, layer: Layer, place: Path, spelling: Spelling) -> None:
        self._folder.mkdir(exist_ok=True)
        digest, name = layer.descriptor.digest, f"layer {layer.descriptor.digest}"
        if not self._layout.has_blob(digest):
            raise StoreError(f"{name} is missing from {self._layout.root}", hint="pull or make the image again")
        folder = self._layout.tmp / new_name()
        folder.mkdir()
        sha256 = hashlib.sha256()

        def hashed(pieces: Iterator[bytes]) -> Iterator[bytes]:
            for piece in pieces:
                sha256.update(piece)
                yield piece

        try:
            with (
                self._layout.blob_path(digest).open("rb") as blob,
                prefetched(hashed(decompressed(blob, name))) as pieces,
            ):
                stream = Stream(pieces, name)
                unpack(Stream(linux_form(stream, spelling), name), folder, Unpack("overlay", devices="skip"))
                stream.drain()
            if sha256.hexdigest() != hex_part(layer.diff_id):
                raise IntegrityError(f"{name} holds a tar with another diff_id than {layer.diff_id}")
            folder.chmod(0o755)
            folder.rename(place)
        finally:
            remove_tree(folder)


def linux_form(stream: Stream, spelling: Spelling) -> Iterator[bytes]:
    """Yield the tar of a Windows layer as one for Linux: drive C: alone, with names as `spelling` has them."""
    for entry in read_entries(stream):
        converted = _converted(entry, spelling)
        if converted:
            yield header(converted)
            yield from map(bytes, stream.take(converted.stored_bytes))
            yield padding(converted.size)
    yield END


def _converted(entry: Entry, spelling: Spelling) -> Entry | None:
    root, _, path = entry.name.partition("/")
    folder, _, base = path.rpartition("/")
    if root != FILES or not path or ":" in base:
        return None
    if base.startswith(PREFIX):
        removed = spelling.find(f"{folder}/{base.removeprefix(PREFIX)}")
        above, slash, name = removed.rpartition("/")
        return Entry(f"{above}{slash}{PREFIX}{name}", mode=0)
    name = spelling.find(path)
    target = ""
    if entry.kind == "link":
        target = spelling.find(entry.linkname.partition("/")[2])
    elif entry.kind == "symlink":
        target = _relative(entry.linkname, name, spelling)
    mode = 0o755 if entry.kind == "directory" else 0o644
    return msgspec.structs.replace(entry, name=name, linkname=target, mode=mode, uid=0, gid=0, xattrs={}, records={})


def _relative(target: str, name: str, spelling: Spelling) -> str:
    r"""Return the target of a symlink of Windows ("C:\Python", "..\x") as one that stays on the drive under Linux."""
    folder = "/" + posixpath.dirname(name)
    whole = spelling.find(drive_path(target.removeprefix("\\\\?\\"), folder))
    return posixpath.relpath("/" + whole, folder)
