"""Tests of indexes: their order, their platforms, and what is changed in them."""

import pytest

from brewhouse.errors import InputError
from brewhouse.oci.digest import digest_of
from brewhouse.oci.document import MANIFEST, Descriptor, ImageConfig
from brewhouse.oci.platform import Platform
from brewhouse.publish.index import (
    Change,
    annotate_entry,
    annotate_index,
    find_entry,
    make_index,
    platform_of,
    sort_entries,
)


def entry(*platform: str, os_version: str = "") -> Descriptor:
    system, architecture, variant = (*platform, "")[:3]
    name = f"{platform} {os_version}".encode()
    return Descriptor(
        MANIFEST, digest_of(name), 1, platform=Platform(architecture, system, os_version, variant=variant)
    )


AMD64 = entry("linux", "amd64")
ARM64 = entry("linux", "arm64", "v8")
ARMV5, ARMV7 = entry("linux", "arm", "v5"), entry("linux", "arm", "v7")
S390X = entry("linux", "s390x")
LTSC2022 = entry("windows", "amd64", os_version="10.0.20348.5622")
LTSC2025 = entry("windows", "amd64", os_version="10.0.26100.33438")
OLDER = entry("windows", "amd64", os_version="10.0.26100.9999")
ATTESTATION = entry("unknown", "unknown")


def test_linux_stands_first_by_name_then_windows_with_the_newest_build_first() -> None:
    shuffled = [LTSC2022, ATTESTATION, S390X, OLDER, ARMV7, LTSC2025, ARM64, AMD64, ARMV5]
    ordered = (AMD64, ARMV5, ARMV7, ARM64, S390X, LTSC2025, OLDER, LTSC2022, ATTESTATION)
    assert sort_entries(shuffled) == ordered
    assert sort_entries(reversed(ordered)) == ordered


def test_two_images_for_one_platform_are_refused_and_two_builds_of_windows_are_not() -> None:
    assert len(make_index([LTSC2022, LTSC2025]).value.manifests) == 2
    with pytest.raises(InputError, match="two images are for linux/amd64"):
        make_index([AMD64, AMD64])


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (ImageConfig("amd64", "linux"), "linux/amd64"),
        (ImageConfig("arm64", "linux"), "linux/arm64/v8"),
        (ImageConfig("arm", "linux", variant="v6"), "linux/arm/v6"),
        (ImageConfig("arm", "linux"), "linux/arm/v7"),
        (ImageConfig("386", "linux"), "linux/386"),
        (ImageConfig("amd64", "windows", os_version="10.0.26100.1"), "windows/amd64"),
    ],
)
def test_an_images_platform_has_the_variant_that_everybody_writes(config: ImageConfig, expected: str) -> None:
    platform = platform_of(config)
    assert (str(platform), platform.os_version) == (expected, config.os_version)


def test_annotations_are_added_and_with_an_empty_value_removed() -> None:
    index = make_index([AMD64], {"a": "1", "b": "2"}).value
    assert annotate_index(index, {"a": "", "c": "3"}).value.annotations == {"b": "2", "c": "3"}


def test_one_entry_is_changed_and_the_order_kept() -> None:
    index = make_index([AMD64, LTSC2022, LTSC2025]).value
    changed = annotate_entry(index, LTSC2022.digest, Change(os_version="10.0.30000.1", annotations={"x": "y"})).value
    assert [entry.digest for entry in changed.manifests] == [AMD64.digest, LTSC2022.digest, LTSC2025.digest]
    assert changed.manifests[1].annotations == {"x": "y"}
    with pytest.raises(InputError, match="the index has no entry"):
        annotate_entry(index, digest_of(b"none"), Change())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("linux/amd64", AMD64), ("linux/arm64", ARM64), ("linux/arm64/v8", ARM64), (AMD64.digest[:20], AMD64)],
)
def test_an_entry_is_named_by_platform_or_the_beginning_of_its_digest(text: str, expected: Descriptor) -> None:
    assert find_entry(make_index([AMD64, ARM64]).value, text) == expected.digest


@pytest.mark.parametrize(("text", "why"), [("linux/s390x", "no entry"), ("sha256:", "several entries")])
def test_an_entry_that_is_not_one_is_refused(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        find_entry(make_index([AMD64, ARM64]).value, text)
