"""Images copied between the store and registries, layouts and archives: base images here, results there.

Apart from `exchange`, so that builds of what the store has do without it.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from brewhouse.errors import InputError
from brewhouse.model import Image
from brewhouse.oci.digest import parse_digest
from brewhouse.oci.document import INDEX_TYPES, REF_NAME, Descriptor, Index, read_document
from brewhouse.oci.platform import PLATFORMS, Platform, host_arch
from brewhouse.oci.reference import Reference
from brewhouse.pipeline.outside import Outside
from brewhouse.publish.bases import Bases
from brewhouse.publish.copy import copy_tree
from brewhouse.publish.ends import LayoutSource, LayoutTarget, RegistryTarget, partial_folder
from brewhouse.publish.location import Location
from brewhouse.publish.opened import find_entry, open_folder, open_target
from brewhouse.publish.transfer import find_in_registry, store_found
from brewhouse.publish.tree import check_image, read_tree
from brewhouse.system.store.layout import Layout


def look_at_base(reference: Reference, platform: Platform, outside: Outside) -> tuple[Image, Callable[[], object]]:
    """Return an image as its registry has it, and what puts it into the store.

    The name in the store is for this machine's platform only.
    """
    layout, progress = outside.layout, outside.progress
    found = find_in_registry(reference, platform, outside.registries)
    if platform == PLATFORMS[host_arch()]:
        return found.image, lambda: store_found(found, layout, progress)
    target = LayoutTarget(layout, (), partial_folder(layout))
    return found.image, lambda: copy_tree(found.tree, found.source, target, progress)


def layout_image(text: str, platform: Platform, outside: Outside) -> Image:
    """Return the image of a layout, PATH[:TAG][@DIGEST], once it is in the store; a digest comes before a tag."""
    path, at, digest = text.partition("@")
    tag = ""
    if not Path(path).is_dir():
        path, _, tag = path.rpartition(":")
    with open_folder(Path(path), is_new=False) as layout:
        entry = entry_by_digest(layout, digest, text) if at else find_entry(layout, _whole_name(layout, tag), path)
        source = LayoutSource(layout, entry)
        tree = read_tree(source, platform)
        check_image(tree, source)
        copy_tree(tree, source, LayoutTarget(outside.layout), outside.progress)
    return outside.layout.image(tree.descriptor, platform)


def _whole_name(layout: Layout, tag: str) -> str:
    """Return how a layout names what a tag stands for: by the tag alone, or by an image's name with the tag."""
    names = [entry.annotations.get(REF_NAME, "") for entry in layout.index().manifests]
    return next((name for name in names if tag and name.endswith(f":{tag}")), tag)


def entry_by_digest(layout: Layout, digest: str, text: str) -> Descriptor:
    """Return the entry of a layout, or of an index in it, with a digest; raises InputError where there is none."""
    wanted, entries = parse_digest(digest), layout.index().manifests
    below = (
        entry
        for index in entries
        if index.media_type in INDEX_TYPES
        for entry in read_document(layout.read_blob(index), Index, f"index {index.digest}").value.manifests
    )
    for entry in (*entries, *below):
        if entry.digest == wanted:
            return entry
    raise InputError(f"the layout has no image `{text}`", hint="name one of its index.json, by tag or digest")


def send_image(descriptor: Descriptor, target: Location, outside: Outside) -> None:
    """Copy what the store has to a layout or an archive of its own, its entry there as `descriptor` is."""
    source = LayoutSource(outside.layout, descriptor, Bases(outside.layout, outside.registries))
    with open_target(target, outside.layout, outside.registries) as end:
        tree = msgspec.structs.replace(read_tree(source), descriptor=descriptor)
        copy_tree(tree, source, end, outside.progress)


def push_result(descriptor: Descriptor, reference: Reference, outside: Outside, *, insecure: bool = False) -> None:
    """Push what the store has to a registry, whether it has a name there or not; without a tag by its digest alone."""
    if insecure:
        with outside.registries.insecure() as registries:
            push_result(descriptor, reference, msgspec.structs.replace(outside, registries=registries))
        return
    source = LayoutSource(outside.layout, descriptor, Bases(outside.layout, outside.registries))
    target = RegistryTarget(outside.registries.origin(reference), reference.tag)
    copy_tree(read_tree(source), source, target, outside.progress)
