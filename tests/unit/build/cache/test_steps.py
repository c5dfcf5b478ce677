"""What the cache knows: records of this store and of imported caches."""

from pathlib import Path

import msgspec
import pytest
from tests.support.store import files, make_image

from brewhouse.build.cache.steps import CachedLayer, StepCache
from brewhouse.system.store.layout import Layout, open_layout
from brewhouse.system.store.snapshot import image_layers


class Imported:
    """A cache that knows one key."""

    def __init__(self, key: str, layer: CachedLayer) -> None:
        self.key = key
        self.layer = layer
        self.fetched = 0

    def knows(self, key: str) -> bool:
        return key == self.key

    def find(self, key: str) -> CachedLayer | None:
        self.fetched += key == self.key
        return self.layer if key == self.key else None


def stored(layout: Layout) -> CachedLayer:
    (layer,) = image_layers(make_image(layout, [], [files(motd="hello")]))
    return CachedLayer(layer.diff_id, layer.descriptor)


def test_a_record_is_found_while_its_blob_is_there(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        layer = stored(layout)
        StepCache(layout).keep(["k"], layer)
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
        cache.keep(["kept"], layer)
        cache.use(["used"], layer)
        assert [cache.knows(key) for key in ("kept", "used", "imported", "none")] == [True, True, True, False]
        assert not StepCache(layout, read=False, epoch=epoch).knows("kept")
        assert other.fetched == 0
        assert cache.find("imported") == layer
        assert other.fetched == 1


def test_keys_of_one_step_go_on_together(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        layer = stored(layout)
        StepCache(layout).keep(["definition", "content"], layer)
        (layout.cache / "steps" / "content").unlink()
        cache = StepCache(layout)
        assert cache.find("definition") == msgspec.structs.replace(layer, also=("content",))
        assert {key: step.also for key, step in cache.steps().items()} == {
            "definition": ("content",),
            "content": ("definition",),
        }
        assert StepCache(layout).find("content") == msgspec.structs.replace(layer, also=("definition",))


def test_a_step_of_an_imported_cache_is_recorded_by_all_its_keys(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        layer = msgspec.structs.replace(stored(layout), also=("content",))
        StepCache(layout, others=[Imported("definition", layer)]).find("definition")
        assert StepCache(layout).find("content") == msgspec.structs.replace(layer, also=("definition",))
