"""What a build takes from elsewhere and gives elsewhere: base images, named contexts, results; stores and registries.

Builds know nothing of registries, and what publishes knows nothing of builds: here they meet.
"""

from collections.abc import Sequence

import msgspec

from brewhouse.build.image import Made, make_image
from brewhouse.build.request import BuildRequest, FindImage
from brewhouse.errors import BrewError, InputError
from brewhouse.model import Image
from brewhouse.oci.document import Descriptor
from brewhouse.oci.platform import PLATFORMS, Platform, host_arch
from brewhouse.oci.reference import Reference
from brewhouse.publish.copy import copy_tree
from brewhouse.publish.ends import LayoutSource, LayoutTarget, RegistryTarget
from brewhouse.publish.location import Location
from brewhouse.publish.opened import open_target, partial_folder, registry_source
from brewhouse.publish.transfer import pull_image
from brewhouse.publish.tree import check_image, read_tree
from brewhouse.system.layout import Layout
from brewhouse.system.log import Progress
from brewhouse.system.registry.registries import Registries


class Outside(msgspec.Struct, frozen=True):
    """What reaches further than the build: the store, the registries, and where is told what they do."""

    layout: Layout
    registries: Registries
    progress: Progress


def build_platforms(request: BuildRequest, platforms: Sequence[Platform], outside: Outside) -> list[Made]:
    """Return the image of each platform, one after the other: the stages of one are built at the same time."""
    replace = msgspec.structs.replace
    return [make_image(replace(request, platform=platform), outside.layout, outside.progress) for platform in platforms]


def image_finder(outside: Outside, *, pull: bool) -> FindImage:
    """Return what finds base images: in the store, else in their registries; with `pull` always asked there."""

    def find(reference: Reference, platform: Platform) -> Image:
        descriptor = None if pull else outside.layout.find(reference)
        if descriptor:
            return outside.layout.image(descriptor, platform)
        try:
            return _pull(reference, platform, outside)
        except BrewError as error:
            mend = f"make it: brewhouse brew {reference}"
            where = "cannot be pulled" if pull else "is not in the store, and cannot be pulled"
            raise InputError(f"image `{reference}` {where}: {error.message}", hint=mend) from error

    return find


def _pull(reference: Reference, platform: Platform, outside: Outside) -> Image:
    """Return an image of a registry; the name in the store is for this machine's platform only."""
    layout, progress = outside.layout, outside.progress
    if platform == PLATFORMS[host_arch()]:
        return pull_image(reference, platform, layout, outside.registries, progress).image
    source = registry_source(reference, outside.registries)
    tree = read_tree(source, platform)
    check_image(tree, source)
    copy_tree(tree, source, LayoutTarget(layout, (), partial_folder(layout)), progress)
    return layout.image(tree.descriptor)


def send_image(descriptor: Descriptor, target: Location, outside: Outside) -> None:
    """Copy what the store has to a layout or an archive of its own."""
    source = LayoutSource(outside.layout, descriptor)
    with open_target(target, outside.layout, outside.registries) as end:
        copy_tree(read_tree(source), source, end, outside.progress)


def push_result(descriptor: Descriptor, reference: Reference, outside: Outside) -> None:
    """Push what the store has to a registry, whether it has a name there or not."""
    source = LayoutSource(outside.layout, descriptor)
    target = RegistryTarget(outside.registries.origin(reference), reference.tag)
    copy_tree(read_tree(source), source, target, outside.progress)
