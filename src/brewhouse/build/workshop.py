"""What the stages of one build share: the store, the cache, and root file systems put together from layers."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from brewhouse.build.cache.files import FileDigests
from brewhouse.build.cache.steps import StepCache
from brewhouse.build.clamp import Clamp
from brewhouse.build.files.walk import Tree
from brewhouse.build.graph import Folder
from brewhouse.build.request import BuildRequest
from brewhouse.dockerfile.dockerignore import parse_dockerignore
from brewhouse.errors import InputError
from brewhouse.model import Layer, StoredLayer
from brewhouse.system.archive.packer import Packer
from brewhouse.system.confine import confine
from brewhouse.system.executor import Halt
from brewhouse.system.progress.log import Progress
from brewhouse.system.store.disk import new_folder, remove_tree
from brewhouse.system.store.layout import Layout
from brewhouse.system.store.snapshot import Snapshots

if TYPE_CHECKING:
    from brewhouse.system.windows.drive import Drives
    from brewhouse.system.windows.wine import Wine


class Workshop:
    """One build's tools."""

    def __init__(
        self,
        layout: Layout,
        progress: Progress,
        request: BuildRequest,
        clamp: Clamp,
        asked: Callable[[], Sequence[str]] = lambda: ("/",),
    ) -> None:
        """Open the cache; nothing is mounted yet. `asked` tells what of the context all stages ask for."""
        self.layout = layout
        self.progress = progress
        self.request = request
        self.clamp = clamp
        self.asked = asked
        self.snapshots = Snapshots(layout)
        self.drives: Drives | None = None
        self.wine: Wine | None = None
        epoch = clamp.epoch if clamp.is_exact else None
        windows = request.platform.os == "windows"
        self.cache = StepCache(layout, read=not request.no_cache, epoch=epoch, windows=windows, others=request.caches)
        self.files = FileDigests(layout, time.time_ns())
        self.packer = Packer(layout)
        self.guard = threading.Lock()
        self.halt = Halt()

    def of_stage(self, name: str) -> "Workshop":
        """Return the tools for one stage: with a cache to be read, unless --no-cache-filter names the stage."""
        if name not in self.request.no_cache_stages:
            return self
        from copy import copy

        twin = copy(self)
        twin.cache = self.cache.unread()
        return twin

    def folder(self, kind: str) -> Path:
        """Return a new empty folder in the store's temporary place."""
        return new_folder(self.layout.tmp, kind)

    @contextmanager
    def tree(self, layers: Sequence[Layer]) -> Iterator[Tree]:
        """Show the root file system of `layers`, read-only, during the block."""
        lowers = self.lowers(layers)
        if len(lowers) == 1:
            yield Tree(lowers[0])
            return
        from brewhouse.system.overlay import overlay

        mountpoint = self.folder("tree")
        with overlay(lowers, None, None, mountpoint):
            yield Tree(mountpoint)
        mountpoint.rmdir()

    def lowers(self, layers: Sequence[Layer]) -> list[Path]:
        """Return the unpacked layers, base first; an empty folder where there are none.

        Of equal layers only the uppermost counts, which says all that the others say; overlayfs refuses doubles.
        """
        if self.drives:
            return self.drives.stack(layers) or [self._empty()]
        uppermost = {layer.diff_id: layer for layer in reversed(layers)}
        return self.snapshots.stack(list(uppermost.values())[::-1]) or [self._empty()]

    def _empty(self) -> Path:
        """Return an empty root, open to all as roots are: what is laid over it takes its mode."""
        folder = self.folder("empty")
        folder.chmod(0o755)
        return folder

    @contextmanager
    def root(self, layers: Sequence[Layer]) -> Iterator["Root"]:
        """Show a root file system of `layers` that can be written to; afterwards its `layer` is what was changed."""
        if not layers and not self.drives:
            with self.blank() as root:
                yield root
            return
        from brewhouse.build.unchanged import drop_unchanged
        from brewhouse.system.overlay import overlay

        work, upper, mountpoint = self.folder("work"), self.folder("upper"), self.folder("root")
        upper.chmod(0o755)
        try:
            with overlay(self.lowers(layers), upper, work, mountpoint):
                yield Root(self, mountpoint, upper, layers)
            with self.tree(layers) as base:
                drop_unchanged(upper, base.root)
        except BaseException:
            remove_tree(upper)
            raise
        finally:
            remove_tree(work)
            mountpoint.rmdir()

    @contextmanager
    def blank(self) -> Iterator["Root"]:
        """Give an empty folder for a layer that does not depend on those below: overlayfs would make it slower."""
        upper = self.folder("upper")
        upper.chmod(0o755)
        yield Root(self, upper, upper)

    def keep_layer(self, upper: Path, below: Sequence[Layer] = ()) -> Layer:
        """Return a finished upper directory as a stored layer, with the directory as its snapshot.

        `below` are the layers it was written on, which a layer for Windows depends on.
        """
        if self.drives:
            from brewhouse.build.windows.capture import pack_drive

            layer = pack_drive(upper, self.lowers(below), self.layout, self.clamp)
            self.drives.adopt([*below, layer], upper)
            return layer
        from brewhouse.build.layer import layer_tar

        layer = self.packer.pack(layer_tar(upper, self.clamp))
        self.snapshots.adopt(layer.diff_id, upper)
        return layer

    def keep(self, keys: Sequence[str], layer: Layer) -> None:
        """Know a layer by all of `keys`, in builds to come as soon as its blob is stored."""
        self.cache.use(keys, layer)

        def record(stored: StoredLayer) -> None:
            self.cache.keep(keys, stored)

        if isinstance(layer, StoredLayer):
            record(layer)
        else:
            self.packer.afterwards(layer, record)

    def context(self) -> Tree:
        """Return the build context as COPY sees it; raises InputError where the build has none."""
        folder = self.request.context
        if folder is None:
            raise InputError("this build has no context to copy from", hint="name a folder: brewhouse build FOLDER")
        source = self.request.source
        return self._context_tree(folder, self.request.ignore, is_owned=source is not None and source.is_file())

    def named_folder(self, named: Folder) -> Tree:
        """Return the folder of a named context, with its own .dockerignore if it was not fetched."""
        folder = Path(named.path)
        if not folder.is_dir():
            raise InputError(f"the build context `{folder}` is not a folder")
        ignore = folder / ".dockerignore"
        has_ignore = not named.is_fetched and ignore.is_file()
        return self._context_tree(folder, ignore.read_bytes() if has_ignore else b"", is_owned=named.is_owned)

    def _context_tree(self, folder: Path, ignore_file: bytes, *, is_owned: bool) -> Tree:
        """Return a folder without what its ignore file names; what came as a tar has owners, as in BuildKit."""
        ignore = parse_dockerignore(ignore_file, ".dockerignore") if ignore_file.strip() else None
        return Tree(folder.resolve(), ignore, os.path.realpath(self.layout.root), is_owned)


class Root:
    """A root file system to be changed."""

    def __init__(self, shop: Workshop, path: Path, upper: Path, below: Sequence[Layer] = ()) -> None:
        """Write to `path`; what was changed is in `upper`, and stands on the layers `below`."""
        self.path = path
        self._below = below
        self._shop = shop
        self._upper = upper

    def layer(self) -> Layer:
        """Return what was changed as a stored layer; the root file system must not be in use any more."""
        return self._shop.keep_layer(self._upper, self._below)

    def place(self, path: str) -> str:
        """Return a path inside as it is spelt there: on a drive of Windows "/python" may mean "/Python"."""
        if not self._shop.drives:
            return path
        from brewhouse.system.windows.drive import Spelling

        return "/" + Spelling([self.path]).find(path) + ("/" if path.endswith("/") and path != "/" else "")


def inside(tree: Tree, path: str) -> Path:
    """Return where `path` of a tree is on disk; raises InputError where it is not."""
    found = confine(tree.root, path)
    if not found.exists():
        raise InputError(f'"{path}" is not in what is mounted from: not found')
    return found
