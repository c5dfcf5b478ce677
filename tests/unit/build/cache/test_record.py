"""Records of exported caches."""

import json
from pathlib import Path

import msgspec
import pytest
from tests.support.store import files, make_image

from brewhouse.build.cache.record import INLINE, chosen_steps, inline_record, read_artifact, read_inline, write_artifact
from brewhouse.build.cache.steps import CachedLayer
from brewhouse.build.image import Made
from brewhouse.errors import InputError
from brewhouse.oci.document import Manifest, read_document
from brewhouse.system.store.layout import Layout, open_layout
from brewhouse.system.store.snapshot import image_layers


def made(layout: Layout) -> Made:
    """Return a build of two steps, the first with two keys, and a third in a stage that the image has nothing of."""
    image = make_image(layout, [], [files(a="1"), files(b="2")])
    other = make_image(layout, [], [files(c="3")])
    layers = [*image_layers(image), *image_layers(other)]
    also = [("k4",), (), ()]
    steps = {
        key: CachedLayer(layer.diff_id, layer.descriptor, others)
        for key, layer, others in zip(["k1", "k2", "k3"], layers, also, strict=True)
    }
    steps["k4"] = msgspec.structs.replace(steps["k1"], also=("k1",))
    return Made(image, image.config.value.platform, steps=steps)


def test_min_keeps_the_steps_of_the_image_and_max_all(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        build = made(layout)
    assert sorted(chosen_steps([build], "min")) == ["k1", "k2", "k4"]
    assert sorted(chosen_steps([build], "max")) == ["k1", "k2", "k3", "k4"]


def test_an_artifact_is_read_as_it_was_written_and_the_same_twice(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        steps = made(layout).steps
        descriptor = write_artifact(steps, layout)
        assert write_artifact(dict(sorted(steps.items(), reverse=True)), layout) == descriptor
        manifest = read_document(layout.read_blob(descriptor), Manifest, "cache").value
        assert read_artifact(layout.read_blob(manifest.config), manifest) == steps


def test_an_image_tells_which_steps_made_its_layers(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        build = made(layout)
    config = build.image.config.value
    manifest = msgspec.structs.replace(build.image.manifest.value, annotations={INLINE: inline_record(build)})
    assert read_inline(manifest, config) == {key: build.steps[key] for key in ("k1", "k2", "k4")}
    assert read_inline(build.image.manifest.value, config) == {}


@pytest.mark.parametrize(
    "record",
    [
        [],
        {"steps": {"k": 2}},
        {"steps": {"k": -1}},
        {"steps": {}, "diff_ids": ["sha256:" + "0" * 64]},
        {"steps": {}, "diff_ids": ["x", "y"]},
    ],
)
def test_a_record_that_does_not_fit_is_refused(tmp_path: Path, record: object) -> None:
    with open_layout(tmp_path) as layout:
        build = made(layout)
    if isinstance(record, dict) and "diff_ids" not in record:
        record = {**record, "diff_ids": list(build.image.config.value.rootfs.diff_ids)}
    with pytest.raises(InputError):
        read_artifact(json.dumps(record).encode(), build.image.manifest.value)
