"""Where the files of a step come from: stages, images, folders and the build context."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from brewhouse.build.cache.steps import chain_key
from brewhouse.build.files.walk import Tree
from brewhouse.build.graph import Folder, Origin, Scratch
from brewhouse.build.workshop import Workshop
from brewhouse.model import Image, Layer
from brewhouse.system.store.snapshot import image_layers


class BuiltStages(Protocol):
    """The stages of a build, by their indexes."""

    def layers(self, index: int) -> tuple[Layer, ...]:
        """Return the layers of a stage, base first, which may have to be built."""

    def definition(self, index: int) -> str:
        """Return what a stage's root file system is known by, without building it."""


class Site:
    """What one stage's steps work with: the build's workshop, and what names mean in this stage."""

    def __init__(self, shop: Workshop, origins: Mapping[str, Origin], stages: BuiltStages) -> None:
        """Know the other stages."""
        self.shop = shop
        self._origins = origins
        self._stages = stages

    def origin(self, name: str) -> Origin | None:
        """Return what a name in COPY --from or a mount's from means; nothing for the build context."""
        return self._origins[name] if name else None

    def identity(self, origin: int | Image | Scratch) -> str:
        """Return what stands for all files of a stage or an image in keys, without building it."""
        return self._stages.definition(origin) if isinstance(origin, int) else chain_key(self.layers(origin))

    def layers(self, origin: int | Image | Scratch) -> tuple[Layer, ...]:
        """Return the layers of a stage or an image, base first."""
        match origin:
            case Image():
                return tuple(image_layers(origin))
            case Scratch():
                return ()
            case _:
                return self._stages.layers(origin)

    @contextmanager
    def tree(self, origin: Origin | None) -> Iterator[Tree]:
        """Show what an origin holds during the block."""
        match origin:
            case None:
                yield self.shop.context()
            case Folder():
                yield self.shop.named_folder(origin)
            case _:
                if isinstance(origin, Image):
                    self.shop.request.need_image(origin)
                with self.shop.tree(self.layers(origin)) as tree:
                    yield tree
