"""Images as one tar, for `save`: a docker-archive, or an OCI layout with Docker's list of images beside it.

The same images give the same bytes: names sorted, times of 1970. Docker 20.10 loads both forms, podman and skopeo too.
Source: image/spec/v1.2.md of moby/moby 20.10, and what skopeo's docker-archive transport writes.
"""

import hashlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from brewhouse.errors import IntegrityError, StoreError
from brewhouse.model import Image, Layer
from brewhouse.oci.digest import Digest, digest_of, hex_part
from brewhouse.oci.document import INDEX, REF_NAME, Descriptor, Index
from brewhouse.oci.reference import parse_reference
from brewhouse.system.archive.decompress import decompressed
from brewhouse.system.archive.tar import END, Entry, header, padding
from brewhouse.system.store.catalog import Stored
from brewhouse.system.store.layerblob import known_layer
from brewhouse.system.store.layout import LAYOUT_MARKER, Layout
from brewhouse.system.store.reach import reached
from brewhouse.system.store.snapshot import chain_ids, image_layers

Form = Literal["docker-archive", "oci-archive"]

CONTAINERD_NAME = "io.containerd.image.name"
_READ_BYTES = 1 << 20


class SavedImage(msgspec.Struct, frozen=True, rename="pascal"):
    """An element of manifest.json: names in the archive of config and layers, and the image's names."""

    config: str
    repo_tags: tuple[str, ...] | None
    layers: tuple[str, ...]


class _V1(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `json` of a layer, as Docker had it before images had configs."""

    id: str
    parent: str = ""
    created: str = ""
    architecture: str = ""
    os: str = ""


def save_images(images: Sequence[Stored], layout: Layout, form: Form) -> Iterator[bytes]:
    """Yield the pieces of an archive of `images`, each under the names that it has there.

    Raises StoreError where a blob is missing or an image damaged, IntegrityError where a layer is not what it was.
    """
    whole = [(stored, stored.image or layout.image(stored.entry)) for stored in images]
    yield from _docker_archive(whole, layout) if form == "docker-archive" else _oci_archive(whole, layout)
    yield END


def _docker_archive(images: Sequence[tuple[Stored, Image]], layout: Layout) -> Iterator[bytes]:
    done: set[str] = set()
    saved: list[SavedImage] = []
    repositories: dict[str, dict[str, str]] = {}
    for stored, image in images:
        layers = image_layers(image)
        for layer in layers:
            name = _layer_name(layer)
            if name not in done:
                done.add(name)
                yield from _layer_file(name, layer, layout)
        config = f"{hex_part(image.manifest.value.config.digest)}.json"
        if config not in done:
            done.add(config)
            yield from _file(config, image.config.raw)
        top = yield from _v1_folders(image, layers, done)
        for name in stored.names:
            reference = parse_reference(name)
            repositories.setdefault(reference.repository, {})[reference.tag] = top
        saved.append(SavedImage(config, stored.names or None, tuple(map(_layer_name, layers))))
    yield from _file("manifest.json", msgspec.json.encode(saved))
    yield from _file("repositories", msgspec.json.encode(repositories, order="sorted"))


def _oci_archive(images: Sequence[tuple[Stored, Image]], layout: Layout) -> Iterator[bytes]:
    """Yield a layout as it lies in the store, and manifest.json for those who read only that."""
    yield from _directory("blobs")
    yield from _directory("blobs/sha256")
    reach = reached(layout, [stored.entry for stored, _ in images])
    for digest in sorted(reach.blobs):
        yield from _blob_file(digest, layout)
    saved = [
        SavedImage(
            _blob_name(image.manifest.value.config.digest),
            stored.names or None,
            tuple(_blob_name(layer.digest) for layer in image.manifest.value.layers),
        )
        for stored, image in images
    ]
    entries = [entry for stored, _ in images for entry in _named_entries(stored)]
    yield from _file("index.json", msgspec.json.encode(Index(2, tuple(entries), media_type=INDEX)))
    yield from _file("manifest.json", msgspec.json.encode(saved))
    yield from _file("oci-layout", LAYOUT_MARKER)


def _named_entries(stored: Stored) -> list[Descriptor]:
    """Return an entry for each name, with the annotations by which skopeo and containerd know it."""
    entries = []
    for name in stored.names:
        entry = for_containerd(stored.entry, name)
        entries.append(msgspec.structs.replace(entry, annotations={**entry.annotations, REF_NAME: name}))
    kept = {key: value for key, value in stored.entry.annotations.items() if key != REF_NAME}
    return entries or [msgspec.structs.replace(stored.entry, annotations=kept)]


def for_containerd(entry: Descriptor, name: str) -> Descriptor:
    """Return an entry with the annotation by which containerd and BuildKit know the image of a name."""
    reference = parse_reference(name)
    full = f"{reference.full_repository}:{reference.tag}"
    return msgspec.structs.replace(entry, annotations={**entry.annotations, CONTAINERD_NAME: full})


def _v1_folders(image: Image, layers: Sequence[Layer], done: set[str]) -> Generator[bytes, None, str]:
    """Yield a folder for each layer, as programs older than manifest.json want it; return the id of the topmost."""
    config = image.config.value
    parent = ""
    for number, chain in enumerate(chain_ids([layer.diff_id for layer in layers])):
        is_top = number == len(layers) - 1
        own = f"{chain} {parent} {image.config.digest if is_top else ''}"
        identity = hex_part(digest_of(own.encode()))
        if identity not in done:
            done.add(identity)
            top = _V1(identity, parent, config.created, config.architecture, config.os)
            about = msgspec.json.encode(top if is_top else _V1(identity, parent))
            yield from _directory(identity)
            yield from _file(f"{identity}/VERSION", b"1.0")
            yield from _file(f"{identity}/json", about)
            target = f"../{_layer_name(layers[number])}"
            yield header(Entry(f"{identity}/layer.tar", "symlink", 0o777, linkname=target))
        parent = identity
    return parent


def _layer_name(layer: Layer) -> str:
    return f"{hex_part(layer.diff_id)}.tar"


def _blob_name(digest: Digest) -> str:
    return f"blobs/sha256/{hex_part(digest)}"


def _file(name: str, content: bytes) -> Iterator[bytes]:
    yield header(Entry(name, size=len(content))) + content + padding(len(content))


def _directory(name: str) -> Iterator[bytes]:
    yield header(Entry(name, "directory", 0o755))


def _blob_file(digest: Digest, layout: Layout) -> Iterator[bytes]:
    """Yield a blob as an entry, checked on the way."""
    path = layout.blob_path(digest)
    if not path.is_file():
        raise _missing(digest, layout)
    size = path.stat().st_size
    yield header(Entry(_blob_name(digest), size=size))
    with path.open("rb") as blob:
        yield from _checked(iter(lambda: blob.read(_READ_BYTES), b""), digest, size)
    yield padding(size)


def _layer_file(name: str, layer: Layer, layout: Layout) -> Iterator[bytes]:
    """Yield a layer's tar as an entry, checked on the way."""
    if not layout.has_blob(layer.descriptor.digest):
        raise _missing(layer.descriptor.digest, layout)
    known = known_layer(layer.diff_id, layout)
    size = known.tar_bytes if known else sum(map(len, _tar(layer, layout)))
    yield header(Entry(name, size=size))
    yield from _checked(_tar(layer, layout), layer.diff_id, size)
    yield padding(size)


def _tar(layer: Layer, layout: Layout) -> Iterator[bytes]:
    with layout.blob_path(layer.descriptor.digest).open("rb") as blob:
        yield from decompressed(blob, f"layer {layer.descriptor.digest}")


def _checked(pieces: Iterable[bytes], digest: Digest, size: int) -> Iterator[bytes]:
    """Yield `pieces`; raises IntegrityError where they are not what the digest and size say."""
    sha256, left = hashlib.sha256(), size
    for piece in pieces:
        sha256.update(piece)
        left -= len(piece)
        yield piece
    if left or sha256.hexdigest() != hex_part(digest):
        raise IntegrityError(f"{digest} in the store is damaged", hint="remove the image and make it again")


def _missing(digest: Digest, layout: Layout) -> StoreError:
    mend = "pull or make the image again; if its base is elsewhere: brewhouse copy store:NAME docker-archive:FILE"
    return StoreError(f"blob {digest} is missing from {layout.root}", hint=mend)
