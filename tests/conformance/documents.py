"""Documents of image-spec's own suite: what is valid must be read, and what is not must be refused.

They are rows of JSON: `kind`, `document`, `valid`.
"""

from collections.abc import Iterator
from functools import partial

import msgspec

from brewhouse.errors import InputError
from brewhouse.oci.document import ImageConfig, Index, Manifest, read_document
from tests.conformance.check import Bench, Check

KINDS = frozenset({"config", "descriptor", "image-index", "image-manifest"})
_OTHER_DIGESTS = "digests other than sha256 are refused: nothing we read or publish to has them"
_BARE_VARIABLE = "variables without `=` are read: images in the wild have them, and runtimes pass over them"
_NO_LAYERS = "manifests without layers are read: an image of metadata alone has none"


class _Row(msgspec.Struct):
    kind: str
    document: str
    valid: bool


class _Config(msgspec.Struct, rename="pascal"):
    env: list[str] = []


class _Told(msgspec.Struct):
    """What decides about rows that are not counted."""

    config: msgspec.Raw = msgspec.Raw()
    layers: list[msgspec.Raw] | None = None


def document_checks(name: str, line: bytes) -> Iterator[Check]:
    """Yield the check of one row."""
    row = msgspec.json.decode(line, type=_Row)
    yield Check(name, partial(_read, row), _unscored(row))


def _read(row: _Row, _bench: Bench) -> list[str]:
    try:
        _decode(row)
    except InputError as error:
        return [f"recorded as valid, is refused: {error.message}"] if row.valid else []
    return [] if row.valid else ["recorded as invalid, is read"]


def _decode(row: _Row) -> None:
    raw = row.document.encode()
    match row.kind:
        case "config":
            read_document(raw, ImageConfig, row.kind)
        case "image-index":
            read_document(raw, Index, row.kind)
        case "image-manifest":
            read_document(raw, Manifest, row.kind)
        case _:  # descriptors are never read alone
            read_document(b'{"schemaVersion":2,"manifests":[' + raw + b"]}", Index, row.kind)


def _unscored(row: _Row) -> str:
    """Return why a row is not counted where we differ from the schema on purpose."""
    if row.valid:
        digests = msgspec.json.decode(row.document.encode())
        return _OTHER_DIGESTS if any(not digest.startswith("sha256:") for digest in _digests(digests)) else ""
    try:
        told = msgspec.json.decode(row.document.encode(), type=_Told)
        if row.kind == "image-manifest" and told.layers == []:
            return _NO_LAYERS
        if row.kind == "config" and any("=" not in text for text in msgspec.json.decode(told.config, type=_Config).env):
            return _BARE_VARIABLE
    except msgspec.DecodeError:
        pass  # what is wrong is something else
    return ""


def _digests(value: object) -> Iterator[str]:
    """Yield the digests anywhere in a document."""
    match value:
        case dict():
            for key, item in value.items():
                yield from [item] if key == "digest" and isinstance(item, str) else _digests(item)
        case list():
            for item in value:
                yield from _digests(item)
