"""Images out of one tar, for `load`: docker-archives, OCI layouts, and what Docker 25 writes, which is both.

Archives are hostile until proven otherwise: names in them are only looked up among each other, never opened, every blob
is checked against its digest and every layer against its diff_id, and the store's index changes when all is well.
"""

import hashlib
import posixpath
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from brewhouse.errors import InputError, IntegrityError
from brewhouse.oci.digest import Digest, hex_part
from brewhouse.oci.document import (
    CONFIG,
    INDEX_TYPES,
    LARGEST_DOCUMENT_BYTES,
    LAYER_GZIP,
    LAYER_ZSTD,
    MANIFEST,
    MANIFEST_TYPES,
    REF_NAME,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    read_document,
    write_document,
)
from brewhouse.oci.platform import PLATFORMS, host_arch, parse_platform
from brewhouse.oci.reference import parse_reference
from brewhouse.system.archive.decompress import decompressed
from brewhouse.system.archive.packer import store_layer
from brewhouse.system.archive.stream import Stream
from brewhouse.system.archive.tar import Entry
from brewhouse.system.archive.untar import read_entries
from brewhouse.system.store.disk import new_name
from brewhouse.system.store.layerblob import Compression, LayerRecord, known_layer, record_layer
from brewhouse.system.store.layout import Layout
from brewhouse.system.store.save import CONTAINERD_NAME, SavedImage

_MOST_ENTRIES = 100_000
_MOST_LINKS = 10
# Layers compressed in these ways are kept as they are.
_KEPT: dict[bytes, Compression] = {b"\x1f\x8b\x08": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class Loaded(msgspec.Struct, frozen=True):
    """An image that was loaded: its names, and the digest of its config or index for one without."""

    names: tuple[str, ...]
    identity: Digest


class _File(msgspec.Struct, frozen=True):
    """A file of the archive, kept in a temporary one, and its digest."""

    path: Path
    digest: Digest
    size: int


class _Archive:
    """The files of an archive by name, with its links followed."""

    def __init__(self, source: IO[bytes], name: str, layout: Layout) -> None:
        self.name = name
        self._files: dict[str, _File] = {}
        self._links: dict[str, str] = {}
        folder = layout.tmp / new_name()
        folder.mkdir()
        stream = Stream(decompressed(source, name), name)
        for number, entry in enumerate(read_entries(stream)):
            if number > _MOST_ENTRIES:
                raise InputError(f"{name} has more than {_MOST_ENTRIES} entries")
            self._take(entry, stream, folder / str(number))

    def _take(self, entry: Entry, stream: Stream, path: Path) -> None:
        name = posixpath.normpath(entry.name)
        if entry.kind == "file" and entry.extents is None:
            sha256 = hashlib.sha256()
            with path.open("wb") as file:
                for piece in stream.take(entry.size):
                    sha256.update(piece)
                    file.write(piece)
            self._files[name] = _File(path, Digest(f"sha256:{sha256.hexdigest()}"), entry.size)
        elif entry.kind == "symlink":
            self._links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), entry.linkname))
        elif entry.kind == "link":
            self._links[name] = posixpath.normpath(entry.linkname)

    def find(self, name: str) -> _File | None:
        """Return the file of this name, or that a link of this name leads to."""
        name = posixpath.normpath(name)
        for _ in range(_MOST_LINKS):
            if name in self._files:
                return self._files[name]
            name = self._links.get(name, name)
        return None

    def blob(self, digest: Digest) -> _File | None:
        """Return the blob of an OCI layout; raises IntegrityError where its content is another."""
        file = self.find(f"blobs/sha256/{hex_part(digest)}")
        if file and file.digest != digest:
            raise IntegrityError(f"{self.name}: blob {digest} has other content than its digest says")
        return file

    def need(self, name: str) -> _File:
        """Return a file; raises InputError where it is missing."""
        file = self.find(name)
        if file is None:
            raise InputError(f"{self.name} has no `{name}`, which it says it has")
        return file

    def document(self, name: str) -> bytes | None:
        """Return the content of a small file, if there is one."""
        file = self.find(name)
        return _read_small(file, name) if file else None


def load_images(source: IO[bytes], name: str, layout: Layout) -> list[Loaded]:
    """Store the images of an archive, compressed or not, and return what they are; `name` says in errors what is read.

    Raises InputError for what holds no image, IntegrityError for content that is not what its digest says; then the
    store has the same images as before.
    """
    archive = _Archive(source, name, layout)
    saved = _saved_images(archive)
    found = _layout_images(archive, saved, layout) or [_docker_image(archive, image, layout) for image in saved]
    if not found:
        raise InputError(f"{name} holds no image", hint="make it with: brewhouse save, docker save, podman save")
    for names, descriptor in found:
        layout.tag(names, descriptor)
    return [Loaded(names, _identity(descriptor, layout)) for names, descriptor in found]


def _saved_images(archive: _Archive) -> list[SavedImage]:
    raw = archive.document("manifest.json")
    try:
        return msgspec.json.decode(raw, type=list[SavedImage]) if raw else []
    except msgspec.DecodeError as error:
        raise InputError(f"{archive.name}: manifest.json is not valid: {error}") from error


# OCI layouts ----------------------------------------------------------------------------------------------------------


def _layout_images(
    archive: _Archive, saved: Sequence[SavedImage], layout: Layout
) -> list[tuple[tuple[str, ...], Descriptor]]:
    """Store the images of index.json that are whole, and return their names and descriptors."""
    raw = archive.document("index.json")
    # Docker 25 writes `"manifests":null` beside its own list.
    if not raw or b'"manifests":null' in raw:
        return []
    found: dict[Digest, tuple[tuple[str, ...], Descriptor]] = {}
    for entry in read_document(raw, Index, f"{archive.name}: index.json").value.manifests:
        whole = _whole(archive, entry, layout)
        if whole:
            _adopt(archive, whole, layout)
            before, _ = found.get(whole.digest, ((), whole))
            names = (*before, *_names(entry, _config_name(whole, layout), saved))
            found[whole.digest] = tuple(dict.fromkeys(names)), _plain(whole)
    return list(found.values())


def _whole(archive: _Archive, entry: Descriptor, layout: Layout) -> Descriptor | None:
    """Return `entry` if all that it names is there; of an index that lacks some platforms, the best that does not."""
    if not layout.has_blob(entry.digest) and not archive.blob(entry.digest):
        return None
    if entry.media_type in INDEX_TYPES:
        children = read_document(_read(archive, entry, layout), Index, f"blob {entry.digest}").value.manifests
        whole = [child for child in children if _whole(archive, child, layout)]
        return entry if len(whole) == len(children) else _for_host(whole)
    if entry.media_type in MANIFEST_TYPES:
        manifest = read_document(_read(archive, entry, layout), Manifest, f"blob {entry.digest}").value
        blobs = [manifest.config.digest, *(layer.digest for layer in manifest.layers)]
        return entry if all(layout.has_blob(digest) or archive.blob(digest) for digest in blobs) else None
    return None


def _for_host(whole: Sequence[Descriptor]) -> Descriptor | None:
    wanted = PLATFORMS[host_arch()]
    fitting = [one for one in whole if one.platform and parse_platform(str(one.platform)) == wanted]
    return next(iter([*fitting, *whole]), None)


def _adopt(archive: _Archive, entry: Descriptor, layout: Layout) -> None:
    """Store a blob of the archive, and all that it names first."""
    if entry.media_type in INDEX_TYPES:
        below = read_document(_read(archive, entry, layout), Index, f"blob {entry.digest}").value.manifests
    elif entry.media_type in MANIFEST_TYPES:
        manifest = read_document(_read(archive, entry, layout), Manifest, f"blob {entry.digest}").value
        below = (manifest.config, *manifest.layers)
    else:
        below = ()
    for descriptor in below:
        _adopt(archive, descriptor, layout)
    file = archive.blob(entry.digest)
    if file and file.size != entry.size:
        raise IntegrityError(f"{archive.name}: blob {entry.digest} has {file.size} bytes, not {entry.size}")
    if file and not layout.has_blob(entry.digest):
        layout.adopt_blob(file.path, entry.digest)


def _read(archive: _Archive, entry: Descriptor, layout: Layout) -> bytes:
    if layout.has_blob(entry.digest):
        return layout.read_blob(entry)
    return _read_small(archive.need(f"blobs/sha256/{hex_part(entry.digest)}"), f"{archive.name}: blob {entry.digest}")


def _names(entry: Descriptor, config: str, saved: Sequence[SavedImage]) -> tuple[str, ...]:
    """Return the names of an entry: those of Docker's list, else containerd's, else that of the layout if it is one."""
    listed = [name for image in saved if image.config == config for name in image.repo_tags or ()]
    texts = listed or [entry.annotations.get(CONTAINERD_NAME) or entry.annotations.get(REF_NAME, "")]
    names = []
    for text in texts:
        with suppress(InputError):
            names.append(str(parse_reference(text)))
    return tuple(dict.fromkeys(names))


def _config_name(descriptor: Descriptor, layout: Layout) -> str:
    """Return the name that Docker's list has for the config of an image; of an index, none."""
    if descriptor.media_type not in MANIFEST_TYPES:
        return ""
    return f"blobs/sha256/{hex_part(layout.image(descriptor).manifest.value.config.digest)}"


def _plain(descriptor: Descriptor) -> Descriptor:
    """Return a descriptor without the names that the archive gave it."""
    kept = {key: text for key, text in descriptor.annotations.items() if key not in (REF_NAME, CONTAINERD_NAME)}
    return msgspec.structs.replace(descriptor, annotations=kept)


# docker-archives ------------------------------------------------------------------------------------------------------


def _docker_image(archive: _Archive, saved: SavedImage, layout: Layout) -> tuple[tuple[str, ...], Descriptor]:
    """Store an image of manifest.json under a manifest of our own, and return its names and descriptor."""
    names = tuple(str(parse_reference(name)) for name in saved.repo_tags or ())
    config = read_document(
        _read_small(archive.need(saved.config), saved.config), ImageConfig, f"{archive.name}: {saved.config}"
    )
    diff_ids = config.value.rootfs.diff_ids
    if len(diff_ids) != len(saved.layers):
        raise InputError(f"{archive.name}: {saved.config} has {len(diff_ids)} layers, its list {len(saved.layers)}")
    layers = [
        _docker_layer(archive, name, diff_id, layout) for name, diff_id in zip(saved.layers, diff_ids, strict=True)
    ]
    manifest = Manifest(2, config.descriptor(CONFIG), tuple(layers), media_type=MANIFEST)
    return names, layout.write_image(config, write_document(manifest)).descriptor


def _docker_layer(archive: _Archive, name: str, diff_id: Digest, layout: Layout) -> Descriptor:
    """Return the stored form of a layer: as it is if it is compressed by gzip or zstd, else compressed here."""
    known = known_layer(diff_id, layout)
    if known:
        return known.descriptor
    file = archive.need(name)
    with file.path.open("rb") as opened:
        beginning = opened.read(4)
        opened.seek(0)
        pieces = decompressed(opened, f"{archive.name}: {name}")
        compression = next((form for magic, form in _KEPT.items() if beginning.startswith(magic)), None)
        if compression is None:
            layer = store_layer(pieces, layout)
            _check(layer.diff_id, diff_id, archive, name)
            return layer.descriptor
        sha256, tar_bytes = hashlib.sha256(), 0
        for piece in pieces:
            sha256.update(piece)
            tar_bytes += len(piece)
    _check(Digest(f"sha256:{sha256.hexdigest()}"), diff_id, archive, name)
    descriptor = Descriptor(LAYER_GZIP if compression == "gzip" else LAYER_ZSTD, file.digest, file.size)
    if not layout.has_blob(file.digest):
        layout.adopt_blob(file.path, file.digest)
    record_layer(diff_id, LayerRecord(descriptor, tar_bytes), layout, compression)
    return descriptor


def _check(found: Digest, diff_id: Digest, archive: _Archive, name: str) -> None:
    if found != diff_id:
        raise IntegrityError(f"{archive.name}: layer `{name}` is not {diff_id}, as its config says")


def _identity(descriptor: Descriptor, layout: Layout) -> Digest:
    if descriptor.media_type in INDEX_TYPES:
        return descriptor.digest
    return layout.image(descriptor).manifest.value.config.digest


def _read_small(file: _File, name: str) -> bytes:
    """Return the content of a document; raises InputError where it is too large for one."""
    if file.size > LARGEST_DOCUMENT_BYTES:
        raise InputError(f"`{name}` is larger than {LARGEST_DOCUMENT_BYTES >> 20} MiB")
    return file.path.read_bytes()
