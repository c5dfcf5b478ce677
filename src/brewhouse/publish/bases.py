"""Layers of bases that the store names and does not have: read from the base's registry when somebody wants them.

Windows is 2 GB that no image here needs to be made. Images brewed on it say in their manifest what they stand on, and
that is all that has to be known: there is no other record.
"""

import threading
from collections.abc import Iterable, Iterator

from brewhouse.errors import StoreError
from brewhouse.model import Image
from brewhouse.oci.digest import Digest, parse_digest
from brewhouse.oci.document import (
    BASE_DIGEST,
    BASE_NAME,
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    Index,
    Manifest,
    read_document,
)
from brewhouse.oci.platform import Platform
from brewhouse.oci.reference import Reference, parse_reference
from brewhouse.publish.ends import RegistrySource, read_small, registry_source
from brewhouse.publish.tree import check_image, read_tree
from brewhouse.system.registry.registries import Registries
from brewhouse.system.store.layout import Layout


class Bases:
    """The bases of all images in a store, each opened once."""

    def __init__(self, layout: Layout, registries: Registries) -> None:
        """Look into the store, and into registries, when something is asked for."""
        self._layout = layout
        self._registries = registries
        self._named: dict[Digest, Reference] | None = None
        self._opened: dict[Reference, RegistrySource] = {}
        self._guard = threading.Lock()

    def find(self, blob: Descriptor) -> tuple[RegistrySource, Descriptor]:
        """Return the base that has a layer, and how its manifest names it.

        Raises StoreError for a layer that no image of the store has from its base.
        """
        with self._guard:
            if self._named is None:
                self._named = base_layers(self._layout)
            reference = self._named.get(blob.digest)
            source = self._open(reference) if reference else None
        layer = _layer(source, blob.digest) if source else None
        if source is None or layer is None:
            mend = "pull or make the image again"
            where = f", nor has its base {reference}" if reference else ""
            raise StoreError(f"blob {blob.digest} is missing from {self._layout.root}{where}", hint=mend)
        return source, layer

    def _open(self, reference: Reference) -> RegistrySource:
        if reference not in self._opened:
            self._opened[reference] = registry_source(reference, self._registries)
        return self._opened[reference]


def base_layers(layout: Layout) -> dict[Digest, Reference]:
    """Return the layers that the store lacks of images that name their base, each with that base by its digest."""
    found: dict[Digest, Reference] = {}
    for manifest in _manifests(layout, layout.index().manifests):
        name, digest = (manifest.annotations.get(key, "") for key in (BASE_NAME, BASE_DIGEST))
        missing = [layer.digest for layer in manifest.layers if not layout.has_blob(layer.digest)]
        if name and digest and missing:
            base = parse_reference(name)
            found |= dict.fromkeys(missing, Reference(base.domain, base.path, digest=parse_digest(digest)))
    return found


def fetch_base(reference: Reference, platform: Platform, layout: Layout, registries: Registries) -> Image:
    """Return an image of a registry, of which the store gets manifest and config, and no layer.

    Raises InputError where there is none for the platform.
    """
    source = registry_source(reference, registries)
    tree = read_tree(source, platform)
    check_image(tree, source)
    config = read_document(tree.raw, Manifest, str(reference)).value.config
    layout.write_blob(read_small(source, config), config.media_type)
    return layout.image(layout.write_blob(tree.raw, tree.descriptor.media_type))


def _manifests(layout: Layout, entries: Iterable[Descriptor]) -> Iterator[Manifest]:
    """Yield the manifests of images, those inside indexes too."""
    for entry in entries:
        name = f"blob {entry.digest}"
        if entry.media_type in INDEX_TYPES and layout.has_blob(entry.digest):
            yield from _manifests(layout, read_document(layout.read_blob(entry), Index, name).value.manifests)
        elif entry.media_type in MANIFEST_TYPES and layout.has_blob(entry.digest):
            yield read_document(layout.read_blob(entry), Manifest, name).value


def _layer(source: RegistrySource, digest: Digest) -> Descriptor | None:
    """Return how a base names its layer: a foreign one's address stands there alone."""
    manifest = read_document(source.top().raw, Manifest, digest).value
    return next((layer for layer in manifest.layers if layer.digest == digest), None)
