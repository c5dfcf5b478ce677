"""`copy` in every direction: a registry, the store, layouts and both kinds of archive."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.program import Program
from tests.support.registry import Served, registry
from tests.support.store import check_store, files, make_image

from brewhouse.errors import InputError
from brewhouse.oci.document import INDEX, MANIFEST, Manifest, write_document
from brewhouse.oci.platform import PLATFORMS, Arch
from brewhouse.publish.location import parse_location
from brewhouse.publish.opened import copy_image, open_folder
from brewhouse.system.progress.log import Progress, Quiet
from brewhouse.system.registry.registries import Registries
from brewhouse.system.store.layout import Layout, open_layout

KINDS = ("registry", "store", "oci", "oci-archive", "docker-archive")
# A docker-archive has no manifest, and one for one platform.
WITH_INDEXES = KINDS[:4]
QUIET = Progress(Quiet())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


class Places:
    """A location of each kind, by the name of an image."""

    def __init__(self, folder: Path, served: Served, layout: Layout, registries: Registries) -> None:
        self._folder = folder
        self._served = served
        self._store = layout
        self._registries = registries

    def at(self, kind: str, name: str) -> str:
        if kind == "registry":
            return self._served.name(f"{self._folder.name.lower()}/{name}:1")
        if kind == "store":
            return f"store:{name}:1"
        return f"{kind}:{self._folder}/{kind}-{name}:{name}:1"

    def copy(self, source: str, target: str, arch: Arch | None = Arch.AMD64) -> str:
        ends = parse_location(source), parse_location(target)
        platform = PLATFORMS[arch] if arch else None
        return copy_image(*ends, platform, self._store, self._registries, QUIET).descriptor.digest


@pytest.fixture
def places(tmp_path: Path, served: Served, layout: Layout, registries: Registries) -> Places:
    return Places(tmp_path, served, layout, registries)


@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_an_image_is_copied_from_anywhere_to_anywhere(source: str, target: str, places: Places, layout: Layout) -> None:
    image = make_image(layout, ["a:1"], [files(a="hello"), files(b="x" * 100_000)], platform=PLATFORMS[Arch.AMD64])
    places.copy("store:a:1", places.at(source, "first"))
    places.copy(places.at(source, "first"), places.at(target, "second"))
    digest = places.copy(places.at(target, "second"), "store:third:1")
    third = layout.image(layout.names()["third:1"])
    assert third.config.raw == image.config.raw
    assert [layer.digest for layer in third.manifest.value.layers] == [
        layer.digest for layer in image.manifest.value.layers
    ]
    assert digest == image.manifest.digest
    check_store(layout.root)


@pytest.mark.parametrize("target", WITH_INDEXES)
@pytest.mark.parametrize("source", WITH_INDEXES)
def test_an_index_is_copied_with_all_its_images(source: str, target: str, places: Places, layout: Layout) -> None:
    made = [
        make_image(layout, [f"{arch}:1"], [files(a=arch)], platform=PLATFORMS[arch])
        for arch in (Arch.AMD64, Arch.ARM64V8)
    ]
    entries = [image.descriptor for image in made]
    raw = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "annotations": {"nobody": "knows this"},
            "manifests": [
                {"mediaType": entry.media_type, "digest": entry.digest, "size": entry.size, "platform": {
                    "architecture": image.config.value.architecture, "os": "linux"}}
                for entry, image in zip(entries, made, strict=True)
            ],
        }
    ).encode()  # fmt: skip
    index = layout.write_blob(raw, INDEX)
    layout.tag(["both:1"], index)
    places.copy("store:both:1", places.at(source, "first"), None)
    places.copy(places.at(source, "first"), places.at(target, "second"), None)
    assert places.copy(places.at(target, "second"), "store:third:1", None) == index.digest
    assert layout.read_blob(layout.names()["third:1"]) == raw
    assert places.copy(places.at(target, "second"), "store:arm:1", Arch.ARM64V8) == made[1].manifest.digest
    check_store(layout.root)


def test_what_is_no_image_is_copied_as_it_is_but_where_only_images_are(places: Places, tmp_path: Path) -> None:
    with open_folder(tmp_path / "made", is_new=True) as made:
        config = made.write_blob(b"{}", "application/vnd.cncf.helm.config.v1+json")
        chart = made.write_blob(b"chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
        manifest = write_document(Manifest(2, config, (chart,), MANIFEST))
        made.tag(["1"], made.write_document(manifest, MANIFEST))
    ends = [f"oci:{tmp_path}/made:1", places.at("registry", "chart"), places.at("oci", "chart")]
    for source, target in itertools.pairwise(ends):
        assert places.copy(source, target) == manifest.digest
    for target in (f"docker-archive:{tmp_path}/chart.tar", "store:chart:1"):
        with pytest.raises(InputError, match="is not a container image"):
            places.copy(ends[-1], target)


def test_an_index_does_not_fit_into_a_docker_archive(places: Places, layout: Layout, tmp_path: Path) -> None:
    raw = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    layout.tag(["many:1"], layout.write_blob(raw, INDEX))
    with pytest.raises(InputError, match="a docker-archive has no indexes") as error:
        places.copy("store:many:1", f"docker-archive:{tmp_path}/many.tar", None)
    assert "oci-archive" in error.value.hint
    assert not (tmp_path / "many.tar").exists()


def test_the_program_copies_between_files_without_a_name_where_there_is_one_image(tmp_path: Path) -> None:
    program = Program(tmp_path / "store")
    with open_layout(program.store) as layout:
        image = make_image(layout, ["a:1"], [files(a="hello")])
    archive, folder = tmp_path / "a.tar", tmp_path / "layout"
    for source, target in (
        ("store:a:1", f"oci-archive:{archive}"),
        (f"oci-archive:{archive}", f"oci:{folder}"),
        (f"oci:{folder}", "store:b:1"),
    ):
        assert program.do("copy", source, target).strip() == image.manifest.digest
    assert sorted(path.name for path in folder.iterdir()) == ["blobs", "index.json", "oci-layout"]
    assert program.digest("b:1") == image.manifest.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "layout", "store"]
