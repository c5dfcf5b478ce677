"""What an output makes of the images that were built: layers compressed as wished, annotations, an index of several.

Source: exporter/containerimage/writer.go of moby/buildkit.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from brewhouse.build.image import Made
from brewhouse.build.results.output import Annotation, Level, Output
from brewhouse.errors import InputError
from brewhouse.model import Image, Layer
from brewhouse.oci.document import (
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_LAYER_GZIP,
    DOCKER_MANIFEST,
    INDEX,
    LAYER_GZIP,
    LAYER_TAR,
    LAYER_ZSTD,
    Descriptor,
    Index,
    Manifest,
    write_document,
)
from brewhouse.oci.platform import Platform, parse_platform
from brewhouse.system.archive.packer import store_layer
from brewhouse.system.store.layerblob import Compression, known_layer
from brewhouse.system.store.layout import Layout
from brewhouse.system.store.snapshot import image_layers

# Source: images/mediatypes.go of containerd; Docker has no type of its own for zstd but this one.
_DOCKER_TYPES = {
    LAYER_TAR: "application/vnd.docker.image.rootfs.diff.tar",
    LAYER_GZIP: DOCKER_LAYER_GZIP,
    LAYER_ZSTD: "application/vnd.docker.image.rootfs.diff.tar.zstd",
}

# Source: rewriteRemoteWithEpoch of exporter/containerimage in moby/buildkit.
_REWRITTEN = "buildkit/rewritten-timestamp"


def compose(
    made: Sequence[Made], output: Output, names: Sequence[str], layout: Layout
) -> tuple[Descriptor, tuple[Image, ...]]:
    """Return what `output` refers to, a manifest or an index of several, and the images; all stored but not named.

    What is said about the images stands in the index behind them, and calls them by `names`. Raises InputError for
    annotations of an index where there is none.
    """
    platforms = [build.image.config.value.platform for build in made]
    is_index = output.as_index or len(made) > 1 or any(_forces_index(build, output) for build in made)
    _check(output.annotations, platforms, is_index=is_index)
    images = tuple(_convert(build, output, layout) for build in made)
    descriptors = [
        _annotated(image.descriptor, output.annotations, "manifest-descriptor", platform)
        for image, platform in zip(images, platforms, strict=True)
    ]
    if not is_index:
        return descriptors[0], images
    from brewhouse.build.results.attestation import attest

    descriptors += [
        attest(image, build.attestations, names, layout, as_artifact=output.as_artifact is not False)
        for image, build in zip(images, made, strict=True)
        if build.attestations
    ]
    media_type = DOCKER_INDEX if output.docker_types else INDEX
    index = Index(2, tuple(descriptors), media_type, dict(_chosen(output.annotations, "index")))
    written = layout.write_document(write_document(index), media_type)
    return _annotated(written, output.annotations, "index-descriptor"), images


def _forces_index(build: Made, output: Output) -> bool:
    """Tell whether something is said of the image that is not for indexes alone, which it may be in otherwise."""
    is_forced = output.type == "image" if output.inline_attestations is None else output.inline_attestations
    return any(attestation.file or is_forced for attestation in build.attestations)


def _check(annotations: Sequence[Annotation], platforms: Sequence[Platform], *, is_index: bool) -> None:
    if not is_index and any(annotation.level in ("index", "index-descriptor") for annotation in annotations):
        mend = "annotate the manifest, or build for several platforms"
        raise InputError("index annotations are not supported for an image of a single platform", hint=mend)
    for annotation in annotations:
        if annotation.platform and parse_platform(annotation.platform) not in map(_normal, platforms):
            raise InputError(f"annotation `{annotation.key}` is for {annotation.platform}, which is not built")


def _convert(build: Made, output: Output, layout: Layout) -> Image:
    """Return the image in the form that the output wants; the same image where it wants nothing else."""
    image = build.image
    layers = tuple(_layer(layer, build, output, layout) for layer in image_layers(image))
    annotations = dict(_chosen(output.annotations, "manifest", image.config.value.platform))
    if output.inline_cache:
        from brewhouse.build.cache.record import INLINE, inline_record

        annotations[INLINE] = inline_record(build)
    manifest = msgspec.structs.replace(image.manifest.value, layers=layers, annotations=annotations)
    if output.docker_types:
        manifest = _docker_form(manifest)
    if manifest == image.manifest.value:
        return image
    return layout.write_image(image.config, write_document(manifest))


def _docker_form(manifest: Manifest) -> Manifest:
    """Return the manifest with Docker's media types; annotations have no place there."""
    replace = msgspec.structs.replace
    layers = (
        replace(layer, media_type=_DOCKER_TYPES.get(layer.media_type, layer.media_type), annotations={})
        for layer in manifest.layers
    )
    config = replace(manifest.config, media_type=DOCKER_CONFIG)
    return replace(manifest, config=config, layers=tuple(layers), media_type=DOCKER_MANIFEST, annotations={})


def _layer(layer: Layer, build: Made, output: Output, layout: Layout) -> Descriptor:
    wanted, is_new = output.compression, layer.diff_id not in build.inherited
    if wanted is None or not (is_new or output.force):
        descriptor = layer.descriptor
    else:
        descriptor = recompress(layer, wanted, output.level, layout)
    if not is_new or not output.rewrite or build.epoch is None:
        return descriptor
    return msgspec.structs.replace(descriptor, annotations={_REWRITTEN: str(build.epoch)})


def recompress(layer: Layer, compression: Compression, level: int | None, layout: Layout) -> Descriptor:
    """Return the blob of a layer in another form, made once."""
    known = known_layer(layer.diff_id, layout, compression, level)
    if known:
        return known.descriptor

    from brewhouse.system.archive.decompress import decompressed

    def pieces() -> Iterator[bytes]:
        with layout.blob_path(layer.descriptor.digest).open("rb") as blob:
            yield from decompressed(blob, f"layer {layer.descriptor.digest}")

    return store_layer(pieces(), layout, compression, level).descriptor


def _annotated(
    descriptor: Descriptor, annotations: Sequence[Annotation], level: Level, platform: Platform | None = None
) -> Descriptor:
    found: Mapping[str, str] = dict(_chosen(annotations, level, platform))
    return msgspec.structs.replace(descriptor, annotations={**descriptor.annotations, **found})


def _chosen(
    annotations: Sequence[Annotation], level: Level, platform: Platform | None = None
) -> Iterator[tuple[str, str]]:
    """Yield keys and values for one document, sorted."""
    for annotation in sorted(annotations, key=lambda annotation: annotation.key):
        if annotation.level == level and (
            not annotation.platform or (platform and parse_platform(annotation.platform) == _normal(platform))
        ):
            yield annotation.key, annotation.value


def _normal(platform: Platform) -> Platform:
    return parse_platform(str(platform))
