from pathlib import Path

import msgspec
import pytest
from tests.support.windows_base import NAME, make_base

from brewhouse.build.layer import Member, pack_members
from brewhouse.build.windows.base import find_base
from brewhouse.check.windows import check_windows, config_findings
from brewhouse.errors import InputError
from brewhouse.oci.document import CONFIG, MANIFEST, ImageConfig, Manifest, RootFS, write_document
from brewhouse.system.archive.tar import Entry
from brewhouse.system.store.layout import open_layout

PATH = "Path=C:\\Python\\;C:\\Windows\\System32;C:\\Windows\\"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    make_base(folder)
    return folder


def _config(base: Path, **changes: object) -> ImageConfig:
    config = find_base(base, f"{NAME}:ltsc2025").config.value
    return msgspec.structs.replace(config, config=msgspec.structs.replace(config.config, **changes))


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({}, ""),
        ({"env": (PATH,)}, ""),
        ({"env": ("PATH=C:\\Python",)}, "lacks c:\\windows\\system32, c:\\windows"),
        ({"env": (PATH, PATH.upper())}, "set twice"),
        ({"cmd": ("python", "-V"), "args_escaped": True}, "ArgsEscaped"),
        ({"working_dir": "/usr/src"}, "no path of Windows"),
    ],
)
def test_a_config_that_windows_would_stumble_over_is_found(
    base: Path, changes: dict[str, object], finding: str
) -> None:
    found = [found.text for found in config_findings(_config(base, **changes))]
    assert len(found) == bool(finding)
    assert all(finding in text for text in found)


@pytest.mark.parametrize("os_version", ["", "10.0.26100", "10.0.x.1"])
def test_an_image_that_does_not_say_for_which_windows_it_is_is_found(base: Path, os_version: str) -> None:
    config = msgspec.structs.replace(_config(base), os_version=os_version)
    assert [found.check for found in config_findings(config)] == ["os.version"]


def test_a_layer_for_linux_on_windows_is_found(base: Path, tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        layer = pack_members([Member(Entry("etc", "directory", 0o755))], layout)
        image = find_base(base, f"{NAME}:ltsc2025")
        rootfs = RootFS(diff_ids=(*image.config.value.rootfs.diff_ids, layer.diff_id))
        config = write_document(msgspec.structs.replace(image.config.value, rootfs=rootfs))
        layers = (*image.manifest.value.layers, layer.descriptor)
        made = layout.write_image(config, write_document(Manifest(2, config.descriptor(CONFIG), layers, MANIFEST)))
        assert [found.text.partition(": ")[2] for found in check_windows(made, layout)] == [
            "etc: stands neither in Files nor in Hives: is this a layer for Linux?",
            "Files: is missing: without this folder the import fails",
            "Hives: is missing: without this folder the import fails",
        ]


def test_an_image_for_linux_is_refused(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        config = write_document(ImageConfig("amd64", "linux"))
        image = layout.write_image(config, write_document(Manifest(2, config.descriptor(CONFIG), (), MANIFEST)))
        with pytest.raises(InputError, match="is for linux/amd64"):
            list(check_windows(image, layout))
