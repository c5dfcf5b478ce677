"""Caches of builds, exported to and imported from layouts and registries."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from brewhouse.build.cache.place import CachePlace
from brewhouse.build.cache.record import CACHE_CONFIG, chosen_steps, read_artifact, read_inline, write_artifact
from brewhouse.build.cache.steps import CachedLayer, OtherCache
from brewhouse.build.image import Made
from brewhouse.errors import BrewError
from brewhouse.oci.document import CONFIG, DOCKER_CONFIG, ImageConfig, Manifest, read_document
from brewhouse.oci.reference import parse_reference
from brewhouse.pipeline.copying import entry_by_digest
from brewhouse.pipeline.outside import Outside
from brewhouse.publish.copy import copy_tree
from brewhouse.publish.ends import (
    LayoutSource,
    LayoutTarget,
    RegistryTarget,
    Source,
    Target,
    partial_folder,
    read_small,
    registry_source,
)
from brewhouse.publish.opened import find_entry, open_folder
from brewhouse.publish.tree import Tree, read_tree
from brewhouse.system.progress.log import Step


def export_cache(place: CachePlace, made: Sequence[Made], outside: Outside) -> None:
    """Write the steps of builds to a layout or a registry; where that may fail, say only that it did."""
    with outside.progress.step(f"exporting cache to {place.location}") as step:
        try:
            _export(place, made, outside, step)
        except (BrewError, OSError) as error:
            if not place.optional:
                raise
            step.note(f"not exported: {error}")


def _export(place: CachePlace, made: Sequence[Made], outside: Outside, step: Step) -> None:
    with _target(place, outside) as target:
        steps = chosen_steps(made, place.mode)
        source = LayoutSource(outside.layout, write_artifact(steps, outside.layout))
        copied = copy_tree(read_tree(source), source, target, outside.progress)
        step.note(f"{len(steps)} steps, {copied.bytes_sent} bytes written")


@contextmanager
def _target(place: CachePlace, outside: Outside) -> Iterator[Target]:
    if place.type == "local":
        with open_folder(Path(place.location), is_new=True) as layout:
            yield LayoutTarget(layout, [place.tag])
    else:
        reference = parse_reference(place.location)
        yield RegistryTarget(outside.registries.origin(reference), reference.tag)


def import_cache(place: CachePlace, outside: Outside) -> OtherCache | None:
    """Return an exported cache, whose layers are fetched each when a step wants it.

    Where there is none it says why: a build must not need its cache.
    """
    with outside.progress.step(f"importing cache from {place.location}") as step:
        try:
            source = _source(place, outside)
            steps = _read(source)
        except BrewError as error:
            step.note(f"no cache: {error.message}")
            return None
        step.note(f"{len(steps)} steps")
    return _Imported(steps, source, outside)


def _source(place: CachePlace, outside: Outside) -> Source:
    if place.type == "registry":
        return registry_source(parse_reference(place.location), outside.registries)
    with open_folder(Path(place.location), is_new=False) as layout:
        if place.digest:
            return LayoutSource(layout, entry_by_digest(layout, place.digest, f"{place.location}@{place.digest}"))
        return LayoutSource(layout, find_entry(layout, place.tag, place.location))


def _read(source: Source) -> dict[str, CachedLayer]:
    """Return the steps that an artifact, an image, or any image of an index tells of."""
    steps: dict[str, CachedLayer] = {}
    for document in read_tree(source).walk():
        if document.blobs:
            steps |= _read_manifest(document, source)
    return steps


def _read_manifest(document: Tree, source: Source) -> dict[str, CachedLayer]:
    name = f"manifest {document.descriptor.digest}"
    manifest = read_document(document.raw, Manifest, name).value
    if manifest.config.media_type not in (CACHE_CONFIG, CONFIG, DOCKER_CONFIG):
        return {}  # what is said of an image stands in its index too
    config = read_small(source, manifest.config)
    if manifest.config.media_type == CACHE_CONFIG:
        return read_artifact(config, manifest)
    return read_inline(manifest, read_document(config, ImageConfig, f"config {manifest.config.digest}").value)


class _Imported:
    """An exported cache; the blob of a layer is fetched when the layer is found."""

    def __init__(self, steps: Mapping[str, CachedLayer], source: Source, outside: Outside) -> None:
        """Know all steps."""
        self._steps = steps
        self._source = source
        self._outside = outside
        self._target = LayoutTarget(outside.layout, (), partial_folder(outside.layout))

    def knows(self, key: str) -> bool:
        """Tell whether there is a step."""
        return key in self._steps

    def find(self, key: str) -> CachedLayer | None:
        """Return the layer of a step, its blob then in the store."""
        layer = self._steps.get(key)
        if layer and not self._target.has_blob(layer.descriptor):
            with self._outside.progress.step(f"[cache] {layer.descriptor.digest}") as step:
                size = layer.descriptor.size
                self._target.put_blob(layer.descriptor, self._source, lambda done: step.advance(done, size))
        return layer
