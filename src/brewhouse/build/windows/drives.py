"""The drives that a build for Windows works on."""

from collections.abc import Mapping

from brewhouse.build.graph import Plan
from brewhouse.build.request import BuildRequest
from brewhouse.dockerfile.instruction import Run
from brewhouse.model import Image
from brewhouse.system.store.layout import Layout
from brewhouse.system.windows.drive import Drives, count_windows_layers
from brewhouse.system.windows.wine import Wine


def wine_for(request: BuildRequest, plans: Mapping[int, Plan]) -> Wine | None:
    """Return Wine where the build may use it and something is to be run."""
    runs = any(isinstance(instruction, Run) for plan in plans.values() for instruction in plan.instructions)
    return request.open_wine() if runs and request.open_wine else None


def open_drives(plans: Mapping[int, Plan], layout: Layout, wine: Wine | None) -> Drives:
    """Return the drives for the stages of a build, without the layers that are Windows itself."""
    images = [origin for plan in plans.values() for origin in (plan.base, *plan.origins.values())]
    left_out = {
        diff_id
        for image in images
        if isinstance(image, Image)
        for diff_id in image.config.value.rootfs.diff_ids[: count_windows_layers(image.config.value)]
    }
    return Drives(layout, wine.drive if wine else None, frozenset(left_out))
