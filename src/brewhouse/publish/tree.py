"""An image, or an index of several, with all documents below it read: what is to be copied."""

from collections.abc import Iterator, Sequence

import msgspec

from brewhouse.errors import InputError
from brewhouse.model import Image
from brewhouse.oci.document import (
    CONFIG,
    DOCKER_CONFIG,
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    read_document,
    write_document,
)
from brewhouse.oci.foreign import is_foreign, with_ordinary_layers
from brewhouse.oci.platform import Platform
from brewhouse.publish.ends import Source, checked_document, read_small
from brewhouse.system.registry.client import Fetched
from brewhouse.system.store.layout import choose_platform

# Docker stops at 127 layers; indexes of indexes are legal and hardly ever seen.
_MOST_LAYERS = 1000
_MOST_MANIFESTS = 1000
_DEEPEST = 3


class Tree(msgspec.Struct, frozen=True):
    """A document with its bytes, the blobs that it names (layers, then the config), and the documents below it."""

    descriptor: Descriptor
    raw: bytes
    blobs: tuple[Descriptor, ...] = ()
    children: tuple["Tree", ...] = ()

    def walk(self) -> Iterator["Tree"]:
        """Yield all documents, each behind those that it names."""
        for child in self.children:
            yield from child.walk()
        yield self


def read_tree(source: Source, platform: Platform | None = None) -> Tree:
    """Return what the source has; of an index all of it, or only the image for `platform`.

    Raises InputError for what is no image or has too many parts, IntegrityError for bytes that are not the digest's.
    """
    top = source.top()
    if platform and top.descriptor.media_type in INDEX_TYPES:
        top = choose(source, top, platform)
    budget = _Budget()
    return _read(source, top.descriptor, top.raw, budget, 0)


def choose(source: Source, top: Fetched, platform: Platform) -> Fetched:
    """Return the manifest of an index that is for `platform`, also where indexes stand in the index."""
    for _ in range(_DEEPEST):
        if top.descriptor.media_type not in INDEX_TYPES:
            return top
        name = f"index {top.descriptor.digest}"
        entry = choose_platform(read_document(top.raw, Index, name).value, platform, name)
        top = Fetched(entry, checked_document(source.document(entry), entry))
    return top


def check_image(tree: Tree, source: Source) -> Image:
    """Return the image that a tree is; raises InputError unless it can be run: its config must fit its layers."""
    name = f"image {tree.descriptor.digest}"
    document = read_document(tree.raw, Manifest, name)
    manifest = document.value
    if manifest.config.media_type not in (CONFIG, DOCKER_CONFIG):
        kind = manifest.artifact_type or manifest.config.media_type
        mend = "copy it as it is: brewhouse copy REF oci:DIR"
        raise InputError(f"{name} is not a container image, but `{kind[:100]}`", hint=mend)
    config = read_document(read_small(source, manifest.config), ImageConfig, f"config {manifest.config.digest}")
    diff_ids = config.value.rootfs.diff_ids
    if len(diff_ids) != len(manifest.layers):
        counts = f"{len(manifest.layers)} layers and {len(diff_ids)} diff_ids"
        raise InputError(f"{name} is not whole: it has {counts}", hint="it must be made again by whoever pushed it")
    return Image(tree.descriptor, document, config)


def ordinary(tree: Tree) -> Tree:
    """Return the tree with ordinary layers in place of foreign ones; what is above them gets new digests."""
    children = tuple(ordinary(child) for child in tree.children)
    if not any(is_foreign(blob) for blob in tree.blobs) and children == tree.children:
        return tree
    if tree.children:
        return _with_children(tree, children)
    manifest = with_ordinary_layers(read_document(tree.raw, Manifest, "").value)
    written = write_document(manifest)
    descriptor = msgspec.structs.replace(tree.descriptor, digest=written.digest, size=len(written.raw))
    return Tree(descriptor, written.raw, (*manifest.layers, manifest.config))


def _with_children(tree: Tree, children: Sequence[Tree]) -> Tree:
    index = read_document(tree.raw, Index, "").value
    entries = tuple(
        msgspec.structs.replace(entry, digest=child.descriptor.digest, size=child.descriptor.size)
        for entry, child in zip(index.manifests, children, strict=True)
    )
    written = write_document(msgspec.structs.replace(index, manifests=entries))
    descriptor = msgspec.structs.replace(tree.descriptor, digest=written.digest, size=len(written.raw))
    return Tree(descriptor, written.raw, (), tuple(children))


class _Budget:
    """How many manifests may still be read."""

    def __init__(self) -> None:
        self.left = _MOST_MANIFESTS

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise InputError(f"an index names more than {_MOST_MANIFESTS} manifests")


def _read(source: Source, descriptor: Descriptor, raw: bytes, budget: _Budget, depth: int) -> Tree:
    budget.spend()
    name = f"blob {descriptor.digest}"
    if descriptor.media_type in MANIFEST_TYPES:
        manifest = read_document(raw, Manifest, name).value
        if len(manifest.layers) > _MOST_LAYERS:
            raise InputError(f"{name} has {len(manifest.layers)} layers; no more than {_MOST_LAYERS} are taken")
        return Tree(descriptor, raw, (*manifest.layers, manifest.config))
    if descriptor.media_type not in INDEX_TYPES:
        kind = descriptor.media_type[:100] or "no media type"
        raise InputError(f"{name} is neither an image nor an index: `{kind}`", hint="is that the right tag?")
    if depth == _DEEPEST:
        raise InputError(f"{name} is an index below {_DEEPEST} others; no more are taken")
    children = []
    for entry in read_document(raw, Index, name).value.manifests:
        below = checked_document(source.document(entry), entry)
        children.append(_read(source, entry, below, budget, depth + 1))
    return Tree(descriptor, raw, (), tuple(children))
