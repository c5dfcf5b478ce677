"""What an exported cache says: which layer each step made, by the keys of `cache`.

As an artifact: a manifest whose layers are those of the steps, and whose config is the record. Inline: an annotation of
an image's manifest, about the image's own layers.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from brewhouse.build.cache.place import CacheMode
from brewhouse.build.cache.steps import CachedLayer
from brewhouse.build.image import Made
from brewhouse.errors import InputError
from brewhouse.oci.digest import Digest, parse_digest
from brewhouse.oci.document import MANIFEST, Descriptor, ImageConfig, Manifest
from brewhouse.system.store.layout import Layout
from brewhouse.system.store.snapshot import image_layers

INLINE = "dev.brewhouse.cache"
CACHE_CONFIG = "application/vnd.brewhouse.cache.v1+json"


class _Record(msgspec.Struct, frozen=True):
    """The number of a step's layer, by the step's key; `diff_ids` of the layers, where no image's config has them.

    `groups` are keys of the same step.
    """

    steps: dict[str, int]
    diff_ids: tuple[Digest, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()


def chosen_steps(made: Iterable[Made], mode: CacheMode) -> dict[str, CachedLayer]:
    """Return the steps that are exported: of all stages, or only those whose layers an image has."""
    chosen: dict[str, CachedLayer] = {}
    for build in made:
        own = {layer.diff_id for layer in image_layers(build.image)}
        chosen |= {key: layer for key, layer in build.steps.items() if mode == "max" or layer.diff_id in own}
    return chosen


def write_artifact(steps: Mapping[str, CachedLayer], layout: Layout) -> Descriptor:
    """Store the artifact of `steps`, whose layers are in the store, and return what it is."""
    layers = {steps[key].diff_id: steps[key] for key in sorted(steps)}
    numbers = {diff_id: number for number, diff_id in enumerate(layers)}
    record = _record(steps, numbers, tuple(layers))
    config = layout.write_blob(msgspec.json.encode(record), CACHE_CONFIG)
    blobs = tuple(layer.descriptor for layer in layers.values())
    manifest = Manifest(2, config, blobs, media_type=MANIFEST, artifact_type=CACHE_CONFIG)
    return layout.write_blob(msgspec.json.encode(manifest), MANIFEST)


def read_artifact(raw: bytes, manifest: Manifest) -> dict[str, CachedLayer]:
    """Return the steps of an artifact, whose config is `raw`; raises InputError for what is none."""
    record = _decode(raw)
    return _steps(record, record.diff_ids, manifest.layers)


def inline_record(build: Made) -> str:
    """Return what the annotation of an image's manifest says of its own layers."""
    numbers = {layer.diff_id: number for number, layer in enumerate(image_layers(build.image))}
    return msgspec.json.encode(_record(build.steps, numbers)).decode()


def read_inline(manifest: Manifest, config: ImageConfig) -> dict[str, CachedLayer]:
    """Return the steps that an image's manifest tells of, none where it tells nothing."""
    text = manifest.annotations.get(INLINE)
    return _steps(_decode(text.encode()), config.rootfs.diff_ids, manifest.layers) if text else {}


def _record(
    steps: Mapping[str, CachedLayer], numbers: Mapping[Digest, int], diff_ids: tuple[Digest, ...] = ()
) -> _Record:
    """Return what is said of the steps whose layers have numbers."""
    known = {key: layer for key, layer in sorted(steps.items()) if layer.diff_id in numbers}
    groups = {tuple(sorted((key, *layer.also))) for key, layer in known.items() if layer.also}
    return _Record({key: numbers[layer.diff_id] for key, layer in known.items()}, diff_ids, tuple(sorted(groups)))


def _decode(raw: bytes) -> _Record:
    try:
        return msgspec.json.decode(raw, type=_Record)
    except msgspec.DecodeError as error:
        raise InputError(f"a cache's record is not valid: {error}") from error


def _steps(record: _Record, diff_ids: Sequence[Digest], blobs: Sequence[Descriptor]) -> dict[str, CachedLayer]:
    if len(diff_ids) != len(blobs) or not all(0 <= number < len(blobs) for number in record.steps.values()):
        raise InputError("a cache's record does not fit its layers")
    also = {key: tuple(other for other in group if other != key) for group in record.groups for key in group}
    digests = [parse_digest(diff_id) for diff_id in diff_ids]
    return {key: CachedLayer(digests[number], blobs[number], also.get(key, ())) for key, number in record.steps.items()}
