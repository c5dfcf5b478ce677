"""The contents page: what Brewhouse does, each as the stages it calls in order."""

from collections.abc import Sequence

from brewhouse.build.image import build_image
from brewhouse.build.request import BuildRequest
from brewhouse.errors import InputError
from brewhouse.model import Image
from brewhouse.oci.platform import Platform
from brewhouse.oci.reference import Reference
from brewhouse.system.layout import Layout
from brewhouse.system.log import Progress


def build_from_dockerfile(request: BuildRequest, names: Sequence[str], layout: Layout, progress: Progress) -> Image:
    """Return the image of a Dockerfile, stored under `names`; without names it is stored until `prune`."""
    image = build_image(request, layout, progress)
    layout.tag(names, image.descriptor)
    return image


def find_image(layout: Layout, reference: Reference, platform: Platform) -> Image:
    """Return an image of the store; raises InputError where it is not there."""
    descriptor = layout.find(reference)
    if descriptor is None:
        raise InputError(f"there is no image `{reference}` in the store", hint=f"make it: brewhouse brew {reference}")
    return layout.image(descriptor, platform)
