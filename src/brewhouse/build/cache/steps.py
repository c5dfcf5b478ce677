"""The build cache: the layer that a step made, by a key of all that decides it.

A key is a digest of the instruction, of the layers below by diff_id and of the content that goes in, so that a base or
a stage that was built again with the same result changes nothing.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Protocol

import msgspec

from brewhouse.model import Layer, StoredLayer
from brewhouse.system.store.disk import write_file
from brewhouse.system.store.layout import Layout

# Changing how steps are carried out makes all former results void.
_BUILDER_VERSION = 1


def cache_key(kind: str, *parts: object) -> str:
    """Return the key of a step as 64 hexadecimal digits; `parts` are JSON values."""
    text = json.dumps([_BUILDER_VERSION, kind, *parts], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def chain_key(layers: Sequence[Layer]) -> str:
    """Return what stands for a root file system in keys: its diff_ids from the base up."""
    return cache_key("chain", [layer.diff_id for layer in layers])


class CachedLayer(StoredLayer, frozen=True, omit_defaults=True):
    """The layer that a step made; `also` are other keys under which the same step is known."""

    also: tuple[str, ...] = ()


class OtherCache(Protocol):
    """A cache in another place, which was imported."""

    def find(self, key: str) -> CachedLayer | None:
        """Return the layer recorded for `key`, its blob then in the store."""

    def knows(self, key: str) -> bool:
        """Tell whether there is a record for `key`; no blob is fetched."""


class StepCache:
    """The records in the store, one small file a key."""

    def __init__(
        self,
        layout: Layout,
        *,
        read: bool = True,
        epoch: int | None = None,
        windows: bool = False,
        others: Sequence[OtherCache] = (),
    ) -> None:
        """Keep records in `layout`; with `read` false nothing is found, and new records replace the old.

        With an `epoch` that all times are clamped to, layers made for another one are not found; layers for `windows`
        have another form than all others. What the store does not have is looked for in `others`.
        """
        self._layout = layout
        self._folder = layout.cache / "steps"
        self._folder.mkdir(exist_ok=True)
        self._read = read
        self._epoch = epoch
        self._windows = windows
        self._others = others
        self.used: dict[str, Layer] = {}
        self._also: dict[str, tuple[str, ...]] = {}

    def unread(self) -> "StepCache":
        """Return this cache with nothing to be found in it; what is kept counts as used in both."""
        twin = StepCache(self._layout, read=False, epoch=self._epoch, windows=self._windows)
        twin.used, twin._also = self.used, self._also
        return twin

    def find(self, key: str) -> Layer | None:
        """Return the layer recorded for `key`, if its blob is still there."""
        if not self._read:
            return None
        own = self._own_key(key)
        if own not in self.used:
            layer = self._recorded(own) or self._imported(own)
            if layer is None:
                return None
            self._join(own, layer)
        return self.used[own]

    def knows(self, key: str) -> bool:
        """Tell whether there is a layer for `key`, without fetching it."""
        own = self._own_key(key)
        return self._read and (
            own in self.used or self._recorded(own) is not None or any(other.knows(own) for other in self._others)
        )

    def use(self, keys: Sequence[str], layer: Layer) -> None:
        """Know the layer of a step by all of `keys` for the rest of this build."""
        self._know(tuple(map(self._own_key, keys)), layer)

    def keep(self, keys: Sequence[str], layer: StoredLayer) -> None:
        """Record the layer of a step for builds to come."""
        self._write(tuple(map(self._own_key, keys)), layer)

    def steps(self) -> dict[str, CachedLayer]:
        """Return the layers of all steps that were found or made, once their blobs are stored."""
        also = self._also
        return {key: CachedLayer(layer.diff_id, layer.descriptor, also[key]) for key, layer in self.used.items()}

    def _know(self, keys: tuple[str, ...], layer: Layer) -> None:
        for key in keys:
            self._also[key] = tuple(other for other in keys if other != key)
            self.used[key] = layer

    def _join(self, own: str, layer: CachedLayer) -> None:
        """Know a layer that was found by all keys of its step, so that these go on together."""
        keys = own, *layer.also
        self._know(keys, layer)
        for key in keys:
            try:
                os.utime(self._folder / key)  # so that `prune` knows what was of use lately
            except FileNotFoundError:
                self._write(keys, layer)
                break

    def _write(self, keys: tuple[str, ...], layer: StoredLayer) -> None:
        for key in keys:
            also = tuple(other for other in keys if other != key)
            record = CachedLayer(layer.diff_id, layer.descriptor, also)
            write_file(self._folder / key, msgspec.json.encode(record), tmp=self._layout.tmp)

    def _own_key(self, key: str) -> str:
        own = cache_key("windows", key) if self._windows else key
        return own if self._epoch is None else cache_key("epoch", self._epoch, own)

    def _recorded(self, own: str) -> CachedLayer | None:
        try:
            layer = msgspec.json.decode((self._folder / own).read_bytes(), type=CachedLayer)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return layer if self._layout.has_blob(layer.descriptor.digest) else None

    def _imported(self, own: str) -> CachedLayer | None:
        layer = next((found for other in self._others if (found := other.find(own))), None)
        if layer:
            self._write((own, *layer.also), layer)
        return layer
