"""Where the work on images reaches further than the work itself."""

import msgspec

from brewhouse.system.progress.log import Progress
from brewhouse.system.registry.registries import Registries
from brewhouse.system.store.layout import Layout


class Outside(msgspec.Struct, frozen=True):
    """What reaches further than the build: the store, the registries, and where is told what they do."""

    layout: Layout
    registries: Registries
    progress: Progress
