"""Documents that come from outside."""

import msgspec
import pytest

from brewhouse.errors import InputError
from brewhouse.oci.document import Index, read_document

DIGEST = "sha256:" + "0" * 64


def index(**fields: object) -> bytes:
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": DIGEST, "size": 2} | fields
    return msgspec.json.encode({"schemaVersion": 2, "manifests": [entry]})


def test_a_blob_that_a_descriptor_holds_is_kept() -> None:
    (entry,) = read_document(index(data="e30="), Index, "x").value.manifests
    assert entry.data == b"{}"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mediaType": "manifest"}, "has `manifest` for a media type"),
        ({"mediaType": "a/.b"}, "has `a/.b` for a media type"),
        ({"artifactType": "a/"}, "has `a/` for a media type"),
        ({"size": -1}, "has a size below zero: -1"),
        ({"size": "2"}, "Expected `int`"),
        ({"urls": ["here"]}, "has `here` for a URL"),
        ({"data": "e30"}, "base64"),
        ({"digest": "sha512:" + "0" * 128}, "is not a sha256 digest"),
    ],
)
def test_a_descriptor_that_image_spec_refuses_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_document(index(**fields), Index, "x")


def test_documents_are_of_the_second_version() -> None:
    with pytest.raises(InputError, match="x has schemaVersion 1, not 2"):
        read_document(b'{"schemaVersion":1,"manifests":[]}', Index, "x")
