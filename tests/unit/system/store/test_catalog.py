"""What users mean by names and ids, and what is removed when they are done with images."""

import msgspec
import pytest
from tests.support.store import check_store, files, make_image

from brewhouse.errors import InputError
from brewhouse.model import Image
from brewhouse.oci.digest import digest_of, hex_part
from brewhouse.oci.document import INDEX, Index, write_document
from brewhouse.oci.platform import Platform
from brewhouse.system.store.catalog import find_image, find_stored, list_images, select
from brewhouse.system.store.layout import Layout, open_layout
from brewhouse.system.store.prune import Policy, find_garbage, remove_garbage, remove_images
from brewhouse.system.store.snapshot import Snapshots

ARM, S390X = Platform("arm64", variant="v8"), Platform("s390x")


@pytest.fixture
def python(layout: Layout) -> Image:
    return make_image(layout, ["python:3.13", "python:latest"], [files(base="x"), files(python="y")])


@pytest.fixture
def debian(layout: Layout) -> Image:
    return make_image(layout, ["debian:trixie"], [files(base="x")])


@pytest.mark.parametrize(
    "text",
    ["python", "python:3.13", "docker.io/library/python:3.13", "{config}", "sha256:{config}", "{config:.12}",
     "{config:.3}", "python@sha256:{manifest}", "sha256:{manifest}", "{manifest:.7}"],
)  # fmt: skip
def test_an_image_is_meant_by_name_digest_or_the_beginning_of_an_id(
    text: str, layout: Layout, python: Image, debian: Image
) -> None:
    config, manifest = hex_part(python.manifest.value.config.digest), hex_part(python.descriptor.digest)
    found = find_stored(layout, text.format(config=config, manifest=manifest))
    assert found.image == python
    assert found.names == ("python:3.13", "python:latest")
    assert find_image(layout, "debian:trixie") == debian


@pytest.mark.parametrize("text", ["perl", "python:3.12", "abcdef", "sha256:" + "0" * 64, "python@sha256:" + "0" * 64])
def test_what_is_not_there_is_an_error_that_names_it(text: str, layout: Layout, python: Image) -> None:
    assert not hex_part(python.manifest.value.config.digest).startswith("abcdef")
    with pytest.raises(InputError, match=f"there is no image `{text}`"):
        find_stored(layout, text)


def test_a_beginning_that_fits_several_ids_is_refused(layout: Layout) -> None:
    for number in range(17):
        make_image(layout, [f"many:{number}"], [files(n=str(number))])
    digits = [hex_part(stored.image_id)[0] for stored in list_images(layout)]
    shared = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(InputError, match="beginning of several ids"):
        find_stored(layout, shared)


@pytest.fixture
def multi(layout: Layout) -> list[Image]:
    """Give the images of an index for two platforms, named multi:1."""
    images = [make_image(layout, [], [files(arch=str(platform))], platform=platform) for platform in (ARM, S390X)]
    index = write_document(Index(2, tuple(image.descriptor for image in images), media_type=INDEX))
    layout.tag(["multi:1"], layout.write_document(index, INDEX))
    return images


def test_of_several_platforms_the_one_asked_for_is_found(layout: Layout, multi: list[Image]) -> None:
    for image in multi:
        assert find_image(layout, "multi:1", image.config.value.platform).config == image.config
    with pytest.raises(InputError, match="no image for linux/386") as caught:
        find_image(layout, "multi:1", Platform("386"))
    assert caught.value.hint == "it has: linux/arm64/v8, linux/s390x; take one by --platform"


def test_an_image_for_another_platform_than_asked_for_is_refused(layout: Layout, python: Image) -> None:
    with pytest.raises(InputError, match=f"`python:3.13` is for {python.config.value.platform}"):
        find_image(layout, "python:3.13", S390X)


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["python"], [("python:3.13", "python:latest")]),
        (["python:3.13"], [("python:3.13",)]),
        (["python:3.13", "debian:trixie", "python"], [("python:3.13", "python:latest"), ("debian:trixie",)]),
        (["{config:.12}"], [()]),
    ],
)
def test_selected_images_have_the_names_asked_for(
    texts: list[str], names: list[tuple[str, ...]], layout: Layout, python: Image, debian: Image
) -> None:
    assert debian != python
    config = hex_part(python.manifest.value.config.digest)
    assert [stored.names for stored in select(layout, [text.format(config=config) for text in texts])] == names


def test_a_damaged_image_is_still_listed_and_can_be_removed(layout: Layout, python: Image, debian: Image) -> None:
    layout.blob_path(python.manifest.value.config.digest).unlink()
    assert [(stored.names[0], stored.image) for stored in list_images(layout)] == [
        ("python:3.13", None),
        ("debian:trixie", debian),
    ]
    remove_images(layout, [python.descriptor.digest])
    assert [stored.image for stored in list_images(layout)] == [debian]


def test_a_removed_image_takes_with_it_what_no_other_needs(layout: Layout, python: Image, debian: Image) -> None:
    Snapshots(layout).ensure(python)
    remove_images(layout, [python.descriptor.digest])
    check_store(layout.root)
    shared = debian.manifest.value.layers[0].digest
    assert {path.name for path in layout.blobs.iterdir()} == {
        hex_part(digest) for digest in (shared, debian.descriptor.digest, debian.manifest.value.config.digest)
    }
    assert [path.name for path in layout.snapshots.iterdir()] == [hex_part(debian.config.value.rootfs.diff_ids[0])]


def test_layers_that_the_build_cache_names_stay_for_the_next_build(layout: Layout, python: Image) -> None:
    layer = python.manifest.value.layers[1]
    (layout.cache / "steps").mkdir()
    (layout.cache / "steps" / "key").write_bytes(msgspec.json.encode({"diff_id": "x", "descriptor": layer}))
    remove_images(layout, [python.descriptor.digest])
    assert [path.name for path in layout.blobs.iterdir()] == [hex_part(layer.digest)]
    remove_garbage(layout)
    assert list(layout.blobs.iterdir()) == []


def test_nothing_is_removed_that_another_process_may_use(layout: Layout, python: Image) -> None:
    with open_layout(layout.root):
        remove_images(layout, [python.descriptor.digest])
        with pytest.raises(InputError, match="another process"):
            remove_garbage(layout)
        assert layout.has_blob(python.descriptor.digest)
    remove_garbage(layout)
    assert not layout.has_blob(python.descriptor.digest)


def test_prune_removes_what_no_name_reaches_and_says_what(layout: Layout, python: Image, multi: list[Image]) -> None:
    old = make_image(layout, ["python:latest"], [files(old="z")])
    Snapshots(layout).ensure(old)
    kept = Snapshots(layout).ensure(python)
    layout.untag("python:latest")
    stray = layout.write_blob(b"stray", "text/plain")
    (layout.cache / "mounts" / "pip").mkdir(parents=True)
    (layout.cache / "mounts" / "pip" / "wheel").write_bytes(b"x" * 5000)
    (layout.downloads / "x.deb").write_bytes(b"deb")
    announced = find_garbage(layout)
    assert layout.has_blob(stray.digest)
    assert remove_garbage(layout) == announced
    assert [garbage.kind for garbage in announced].count("image") == 1 + len(multi)
    assert {garbage.kind for garbage in announced} == {"image", "blob", "snapshot", "record", "cache mount"}
    assert sum(garbage.size_bytes for garbage in announced) > 5000
    assert not layout.has_blob(stray.digest)
    assert sorted(layout.snapshots.iterdir()) == sorted(kept)
    assert [path.name for path in layout.downloads.iterdir()] == ["x.deb"]
    assert len(check_store(layout.root).manifests) == 2
    assert find_garbage(layout) == []
    assert [garbage.kind for garbage in remove_garbage(layout, Policy(downloads=True))] == ["download"]


def test_prune_keeps_records_of_layers_that_stay(layout: Layout, python: Image) -> None:
    records = sorted((layout.cache / "layers").iterdir())
    assert len(records) == len(python.manifest.value.layers)
    make_image(layout, ["gone:1"], [files(gone="x")])
    layout.untag("gone:1")
    remove_garbage(layout)
    assert sorted((layout.cache / "layers").iterdir()) == records
    assert digest_of(python.manifest.raw) == python.descriptor.digest
