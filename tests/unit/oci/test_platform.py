"""Platforms: which images run on which machines."""

import pytest

from brewhouse.errors import InputError
from brewhouse.oci.platform import fits, fitting_platforms, parse_platform


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("linux/amd64", ["linux/amd64"]),
        ("linux/amd64/v3", ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64"]),
        ("linux/arm/v7", ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]),
        ("linux/arm", ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]),
        ("linux/arm/v5", ["linux/arm/v5"]),
        ("linux/arm64", ["linux/arm64/v8"]),
        ("linux/s390x", ["linux/s390x"]),
        ("linux/riscv64/rva23u64", ["linux/riscv64/rva23u64"]),
        ("windows/amd64", ["windows/amd64"]),
    ],
)
def test_a_machine_runs_what_was_made_for_older_ones(wanted: str, expected: list[str]) -> None:
    assert list(map(str, fitting_platforms(parse_platform(wanted)))) == expected


@pytest.mark.parametrize(
    ("platform", "wanted", "does"),
    [
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm/v6", "linux/arm/v7", True),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/amd64", "windows/amd64", False),
        ("linux/386", "linux/amd64", False),
        ("windows(10.0.17763.1)/amd64", "windows/amd64", True),
        ("windows/amd64", "windows(10.0.17763.1)/amd64", True),
        ("windows(10.0.17763.1)/amd64", "windows(10.0.17763.9)/amd64", True),
        ("windows(10.0.14393.1)/amd64", "windows(10.0.17763.1)/amd64", False),
        ("windows(10.0.20348.1)/amd64", "windows(10.0.22621.1)/amd64", True),
        ("windows(10.0.22621.1)/amd64", "windows(10.0.20348.1)/amd64", False),
        ("windows(10.0.20348.1)/amd64", "windows(10.0.26100.1)/amd64", False),
        ("windows(1.2.3)/amd64", "windows(1.1.0)/amd64", False),
    ],
)
def test_an_image_fits_a_machine_or_not(platform: str, wanted: str, *, does: bool) -> None:
    assert fits(parse_platform(platform), parse_platform(wanted)) is does


@pytest.mark.parametrize(
    "text", ["", "/", "linux/", "linux/a%b", "li nux/amd64", "a/b/c/d", "linuks", "windows(1/amd64"]
)
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_platform(text)
    assert raised.value.hint
