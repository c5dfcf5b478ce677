"""What the cache knows: records of this store and of imported caches."""

from pathlib import Path

import pytest
from tests.support.store import files, make_image

from brewhouse.build.cache.steps import StepCache
from brewhouse.model import Layer, StoredLayer
from brewhouse.oci.digest import digest_of
from brewhouse.system.store.layout import Layout, open_layout
from brewhouse.system.store.snapshot import image_layers


class Imported:
    """A cache that knows one key."""

    def __init__(self, key: str, layer: StoredLayer) -> None:
        self.key = key
        self.layer = layer
        self.fetched = 0

    def knows(self, key: str) -> bool:
        return key == self.key

    def find(self, key: str) -> StoredLayer | None:
        self.fetched += key == self.key
        return self.layer if key == self.key else None


def stored(layout: Layout) -> StoredLayer:
    (layer,) = image_layers(make_image(layout, [], [files(motd="hello")]))
    return StoredLayer(layer.diff_id, layer.descriptor)


def test_a_record_is_found_while_its_blob_is_there(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        layer = stored(layout)
        StepCache(layout).keep("k", layer)
        assert StepCache(layout).find("k") == layer
        assert StepCache(layout).find("other") is None
        assert StepCache(layout, read=False).find("k") is None
        layout.blob_path(layer.descriptor.digest).unlink()
        assert StepCache(layout).find("k") is None


@pytest.mark.parametrize("epoch", [None, 5])
def test_what_is_known_is_told_without_fetching_it(tmp_path: Path, epoch: int | None) -> None:
    with open_layout(tmp_path) as layout:
        layer = stored(layout)
        own = StepCache(layout, epoch=epoch)._own_key("imported")
        other = Imported(own, layer)
        cache = StepCache(layout, epoch=epoch, others=[other])
        cache.keep("kept", layer)
        cache.use("used", layer)
        assert [cache.knows(key) for key in ("kept", "used", "imported", "none")] == [True, True, True, False]
        assert not StepCache(layout, read=False, epoch=epoch).knows("kept")
        assert other.fetched == 0
        assert cache.find("imported") == layer
        assert other.fetched == 1


def test_a_layer_is_confirmed_without_taking_the_place_of_a_record(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        first = stored(layout)
        second: Layer = StoredLayer(digest_of(b"other"), first.descriptor)
        StepCache(layout).keep("old", first)
        cache = StepCache(layout)
        cache.confirm("old", second)
        cache.confirm("new", second)
        assert StepCache(layout).find("old") == first
        assert StepCache(layout).find("new") == second
        assert sorted(cache.used) == ["new", "old"]
