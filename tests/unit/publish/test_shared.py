from pathlib import Path

import pytest

from brewhouse.model import BuilderName, Image, Target
from brewhouse.oci.digest import digest_of
from brewhouse.oci.document import (
    CONFIG,
    MANIFEST,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    read_document,
    write_document,
)
from brewhouse.oci.platform import Arch, Platform, host_arch
from brewhouse.oci.reference import parse_reference
from brewhouse.publish.shared import name_image, shared_index
from brewhouse.system.store.layout import Layout, open_layout


def entry(os: str, os_version: str = "", architecture: str = "amd64") -> Descriptor:
    platform = Platform(architecture, os=os, os_version=os_version)
    return Descriptor(MANIFEST, digest_of(f"{os}{os_version}{architecture}".encode()), 7, platform=platform)


def versions(index: Index) -> list[str]:
    return [f"{found.platform.os} {found.platform.os_version}".strip() for found in index.manifests if found.platform]


def test_the_newest_windows_stands_first_and_behind_linux() -> None:
    entries: list[Descriptor] = []
    for added in (
        entry("windows", "10.0.20348.5622"),
        entry("linux"),
        entry("windows", "10.0.26100.33438"),
    ):
        entries = list(shared_index(entries, added).value.manifests)
    assert versions(shared_index(entries, entry("linux")).value) == [
        "linux",
        "windows 10.0.26100.33438",
        "windows 10.0.20348.5622",
    ]


def test_an_image_takes_the_place_of_the_one_of_its_build() -> None:
    old = [entry("windows", "10.0.26100.1"), entry("windows", "10.0.20348.1")]
    index = shared_index(old, entry("windows", "10.0.26100.33438")).value
    assert versions(index) == ["windows 10.0.26100.33438", "windows 10.0.20348.1"]


def _image(layout: Layout, os: str, os_version: str = "") -> Image:
    config = write_document(ImageConfig("amd64", os, os_version=os_version))
    return layout.write_image(config, write_document(Manifest(2, config.descriptor(CONFIG), (), media_type=MANIFEST)))


def _target(arch: Arch, tag: str) -> Target:
    builder: BuilderName = "windows" if arch == Arch.WINDOWS_AMD64 else "dockerfile"
    return Target("python", "3.13.2", tag, arch, builder, "3.13", tags=(f"3.13-{tag}",), shared_tags=("3.13",))


def _found(layout: Layout, name: str) -> list[str]:
    found = layout.find(parse_reference(name))
    assert found is not None
    return versions(read_document(layout.read_blob(found), Index, name).value)


@pytest.mark.skipif(host_arch() != Arch.AMD64, reason="names tell other architectures from this machine's")
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_a_shared_name_stands_for_all_platforms_in_whatever_order_they_are_made(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    with open_layout(tmp_path) as layout:
        made = [
            (_target(Arch.AMD64, "trixie"), _image(layout, "linux")),
            (_target(Arch.WINDOWS_AMD64, "ltsc2025"), _image(layout, "windows", "10.0.26100.1")),
            (_target(Arch.WINDOWS_AMD64, "ltsc2022"), _image(layout, "windows", "10.0.20348.1")),
        ]
        for number in order:
            name_image(*made[number], layout)
        assert _found(layout, "python:3.13") == ["linux", "windows 10.0.26100.1", "windows 10.0.20348.1"]
        assert _found(layout, "winamd64/python:3.13") == ["windows 10.0.26100.1", "windows 10.0.20348.1"]
        own = layout.find(parse_reference("winamd64/python:3.13-ltsc2025"))
        assert own is not None
        assert own.digest == made[1][1].descriptor.digest


@pytest.mark.skipif(host_arch() != Arch.AMD64, reason="names tell other architectures from this machine's")
def test_a_name_of_linux_alone_stands_for_the_image_itself(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        image = _image(layout, "linux")
        assert name_image(_target(Arch.AMD64, "trixie"), image, layout) == ("python:3.13-trixie", "python:3.13")
        found = layout.find(parse_reference("python:3.13"))
        assert found is not None
        assert found.digest == image.descriptor.digest
