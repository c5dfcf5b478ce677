"""`pull` and `push`: an image, or an index, between the store and a registry."""

import msgspec

from brewhouse.errors import BrewError, InputError
from brewhouse.model import Image
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import Descriptor
from brewhouse.oci.platform import PLATFORMS, Platform, host_arch
from brewhouse.oci.reference import Reference, parse_reference
from brewhouse.publish.bases import Bases
from brewhouse.publish.copy import Copied, copy_tree
from brewhouse.publish.ends import LayoutSource, LayoutTarget, RegistryTarget, Source, partial_folder, registry_source
from brewhouse.publish.tree import Tree, check_image, read_tree
from brewhouse.system.progress.log import Progress
from brewhouse.system.registry.registries import Registries
from brewhouse.system.store.catalog import find_stored
from brewhouse.system.store.layout import CHOSEN_FROM, Layout


class Pulled(msgspec.Struct, frozen=True):
    """An image that is in the store now; `digest` is what the registry has under the name: often an index."""

    image: Image
    digest: Digest
    is_new: bool


class Found(msgspec.Struct, frozen=True):
    """An image of a registry of which only the documents were read; `digest` is as in `Pulled`."""

    reference: Reference
    source: Source
    digest: Digest
    tree: Tree
    image: Image


def pull_image(
    reference: Reference, platform: Platform | None, layout: Layout, registries: Registries, progress: Progress
) -> Pulled:
    """Return an image of a registry, or a mirror, for one platform, stored under its name.

    Raises InputError where it is not there, is no image, or has no such platform; nothing is named then.
    """
    return store_found(find_in_registry(reference, platform, registries), layout, progress)


def find_in_registry(reference: Reference, platform: Platform | None, registries: Registries) -> Found:
    """Return an image as its registry, or a mirror, has it, its layers not fetched; raises as `pull_image` does."""
    source = registry_source(reference, registries)
    digest = source.top().descriptor.digest
    tree = read_tree(source, platform or PLATFORMS[host_arch()])
    return Found(reference, source, digest, tree, check_image(tree, source))


def store_found(found: Found, layout: Layout, progress: Progress) -> Pulled:
    """Return an image once it is stored under its name."""
    name = msgspec.structs.replace(found.reference, digest=None)
    before = layout.find(name) if name.tag else layout.find(found.reference)
    copy_tree(found.tree, found.source, LayoutTarget(layout, (), partial_folder(layout)), progress)
    entry = _entry(found.tree.descriptor, found.digest, layout)
    layout.tag([str(name)] if name.tag else [], entry)
    return Pulled(layout.image(entry), found.digest, before is None or before.digest != entry.digest)


def push_image(name: str, layout: Layout, registries: Registries, progress: Progress) -> Copied:
    """Push an image of the store, or an index with all its images, to where its name says.

    Raises InputError where there is none, or its name is of no repository.
    """
    stored = find_stored(layout, name)
    reference = parse_reference(name)
    source = LayoutSource(layout, stored.entry, Bases(layout, registries))
    target = RegistryTarget(registries.origin(reference), reference.tag)
    return copy_tree(read_tree(source), source, target, progress)


def tags_of(reference: Reference, registries: Registries) -> list[str]:
    """Return all tags of a repository, of the first of its registry's mirrors that answers."""
    fault: BrewError | None = None
    places = registries.readers(reference)
    while True:
        try:
            place = next(places, None)
            if place is None:
                break
            return list(place.registry.tags(place.repository))
        except BrewError as error:
            fault = error
    raise fault or InputError(f"no registry is known for {reference}")


def names_in_store(repository: Reference, layout: Layout) -> list[str]:
    """Return all names that the store has of a repository, sorted; raises InputError where there is none."""
    found = sorted(name for name in layout.names() if parse_reference(name).repository == repository.repository)
    if not found:
        mend = "see what there is: brewhouse images"
        raise InputError(f"there is no image of `{repository.repository}` in the store", hint=mend)
    return found


def _entry(descriptor: Descriptor, digest: Digest, layout: Layout) -> Descriptor:
    """Return what stands in the store's index for a pulled image: its platform, and the index it was chosen from."""
    platform = layout.image(descriptor).config.value.platform
    chosen = {CHOSEN_FROM: digest} if digest != descriptor.digest else {}
    return msgspec.structs.replace(descriptor, platform=platform, annotations=chosen)
