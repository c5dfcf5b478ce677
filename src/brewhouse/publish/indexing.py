"""Indexes pushed: the images first, then the index, then its tag."""

from collections.abc import Mapping, Sequence

import msgspec

from brewhouse.errors import InputError
from brewhouse.oci.document import (
    CONFIG,
    DOCKER_CONFIG,
    INDEX,
    INDEX_TYPES,
    Descriptor,
    Document,
    ImageConfig,
    Index,
    Manifest,
    read_document,
)
from brewhouse.oci.reference import Reference
from brewhouse.publish.copy import Copied, put_tree
from brewhouse.publish.ends import RegistryTarget, Source, read_small
from brewhouse.publish.index import make_index, platform_of
from brewhouse.publish.location import parse_location
from brewhouse.publish.opened import open_source
from brewhouse.publish.tree import Tree, ordinary, read_tree
from brewhouse.system.progress.log import Progress
from brewhouse.system.registry.registries import Registries
from brewhouse.system.store.layout import Layout


def create_index(
    name: Reference,
    images: Sequence[str],
    annotations: Mapping[str, str],
    layout: Layout,
    registries: Registries,
    progress: Progress,
) -> Copied:
    """Push an index of images, each a location as `copy` takes it; an index among them stands for all its images.

    Raises InputError for two images of one platform, with nothing named then.
    """
    target = RegistryTarget(registries.origin(name), name.tag)
    entries: list[Descriptor] = []
    sent: list[Copied] = []
    for image in images:
        with open_source(parse_location(image), layout, registries) as source:
            tree = ordinary(read_tree(source))
            entries += index_entries(tree, source)
            sent.append(put_tree(tree, source, target, progress))
    index = make_index(entries, annotations)
    descriptor = index.descriptor(INDEX)
    target.put_document(descriptor, index.raw)
    target.name(descriptor, index.raw)
    counts = sum(copied.count_sent for copied in sent), sum(copied.bytes_sent for copied in sent)
    return Copied(descriptor, counts[0] + 1, counts[1] + len(index.raw))


def index_entries(tree: Tree, source: Source) -> list[Descriptor]:
    """Return how an index names the images of a tree: an index's entries as they are, an image with its platform."""
    if tree.descriptor.media_type in INDEX_TYPES:
        return list(read_document(tree.raw, Index, tree.descriptor.digest).value.manifests)
    manifest = read_document(tree.raw, Manifest, tree.descriptor.digest).value
    plain = msgspec.structs.replace(tree.descriptor, annotations={}, platform=None)
    if manifest.config.media_type not in (CONFIG, DOCKER_CONFIG):
        raise InputError(f"{tree.descriptor.digest} is not a container image", hint="an index here holds images only")
    config = read_document(read_small(source, manifest.config), ImageConfig, manifest.config.digest).value
    return [msgspec.structs.replace(plain, platform=platform_of(config), annotations=dict(manifest.annotations))]


def replace_index(name: Reference, index: Document[Index], media_type: str, registries: Registries) -> None:
    """Push a changed index to where it was, under its tag."""
    if name.digest:
        raise InputError(f"`{name}` has a digest, which a change would make wrong", hint="write a tag")
    place = registries.origin(name)
    place.registry.put(place.repository, name.tag, media_type, index.raw)
