import pytest

from brewhouse.model import Image
from brewhouse.oci.digest import digest_of
from brewhouse.oci.document import CONFIG, LAYER_GZIP, ImageConfig, Manifest, write_document
from brewhouse.plan.known import known_image, remember_image
from brewhouse.system.store.layout import Layout

BUILD_ID = digest_of(b"a build")


def write_image(layout: Layout) -> Image:
    config = write_document(ImageConfig("amd64", "linux"))
    layer = layout.write_blob(b"a layer", LAYER_GZIP)
    return layout.write_image(config, write_document(Manifest(2, config.descriptor(CONFIG), (layer,))))


def test_an_image_is_found_by_the_build_id_that_it_was_made_for(layout: Layout) -> None:
    image = write_image(layout)
    remember_image(layout, BUILD_ID, image)
    found = known_image(layout, BUILD_ID)
    assert found is not None
    assert found.descriptor == image.descriptor
    assert known_image(layout, digest_of(b"another build")) is None


@pytest.mark.parametrize("part", ["layer", "config", "manifest"])
def test_an_image_of_which_a_blob_is_gone_counts_as_not_there(layout: Layout, part: str) -> None:
    image = write_image(layout)
    remember_image(layout, BUILD_ID, image)
    manifest = image.manifest.value
    gone = {"layer": manifest.layers[0].digest, "config": manifest.config.digest, "manifest": image.descriptor.digest}
    layout.blob_path(gone[part]).unlink()
    assert known_image(layout, BUILD_ID) is None


def test_a_record_that_was_cut_short_counts_as_none(layout: Layout) -> None:
    remember_image(layout, BUILD_ID, write_image(layout))
    (record,) = (layout.cache / "images").iterdir()
    record.write_bytes(record.read_bytes()[:20])
    assert known_image(layout, BUILD_ID) is None
