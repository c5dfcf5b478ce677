"""Layers that may lie elsewhere than the image: Docker's foreign and OCI's non-distributable ones. Pure.

Microsoft gave them up in 2023, image-spec wants no new ones, and registries refuse manifests with their URLs; but old
Windows bases have them. They are made ordinary layers once their bytes are at hand.
"""

import msgspec

from brewhouse.oci.document import DOCKER_LAYER_GZIP, LAYER_GZIP, LAYER_TAR, LAYER_ZSTD, Descriptor, Manifest

# Source: image-spec layer.md "Non-Distributable Layers", image/spec of moby.
_ORDINARY = {
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip": DOCKER_LAYER_GZIP,
    "application/vnd.docker.image.rootfs.foreign.diff.tar": "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar": LAYER_TAR,
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip": LAYER_GZIP,
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd": LAYER_ZSTD,
}


def is_foreign(descriptor: Descriptor) -> bool:
    """Tell whether a layer may lie elsewhere."""
    return descriptor.media_type in _ORDINARY


def with_ordinary_layers(manifest: Manifest) -> Manifest:
    """Return the manifest with ordinary layers in place of foreign ones; digests of layers stay."""
    return msgspec.structs.replace(manifest, layers=tuple(_ordinary(layer) for layer in manifest.layers))


def _ordinary(layer: Descriptor) -> Descriptor:
    if not is_foreign(layer):
        return layer
    return msgspec.structs.replace(layer, media_type=_ORDINARY[layer.media_type], urls=())
