import pytest

from brewhouse.oci.platform import Platform
from brewhouse.oci.purl import image_url, package_url
from brewhouse.oci.reference import parse_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("reference", "platform", "url"),
    [
        ("python:3.13", Platform("amd64"), "pkg:docker/python@3.13?platform=linux%2Famd64"),
        ("a/b", Platform("arm64", variant="v8"), "pkg:docker/a/b@latest?platform=linux%2Farm64"),
        (
            "localhost:5000/x:1",
            Platform("arm", variant="v7"),
            "pkg:docker/localhost:5000/x@1?platform=linux%2Farm%2Fv7",
        ),
        (
            f"python@{DIGEST}",
            Platform("amd64"),
            f"pkg:docker/python?digest=sha256%3A{'a' * 64}&platform=linux%2Famd64",
        ),
    ],
)
def test_an_image_has_the_address_that_buildkit_gives_it(reference: str, platform: Platform, url: str) -> None:
    assert image_url(parse_reference(reference), platform) == url


def test_an_address_holds_no_character_that_means_something_in_it() -> None:
    url = package_url("deb", "debian/libstdc++6", "1:2+b1", {"arch": "amd64", "distro": "", "upstream": "gcc@14"})
    assert url == "pkg:deb/debian/libstdc%2B%2B6@1:2%2Bb1?arch=amd64&upstream=gcc%4014"
