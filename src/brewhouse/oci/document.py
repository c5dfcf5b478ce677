"""Documents of the OCI image specification: descriptor, manifest, index and config, with the bytes they came from.

A digest is of bytes, so a document read from outside is kept with its bytes (`Document`) and never serialised again.
"""

import re
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from brewhouse.errors import InputError
from brewhouse.oci.digest import Digest, digest_of, parse_digest
from brewhouse.oci.platform import Platform

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
LAYER_TAR = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"

MANIFEST_TYPES = frozenset({MANIFEST, DOCKER_MANIFEST})
INDEX_TYPES = frozenset({INDEX, DOCKER_INDEX})

REF_NAME = "org.opencontainers.image.ref.name"
# What an image stands on: the name of its base, and the digest of the base's manifest.
BASE_NAME, BASE_DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"

# A manifest, index or config larger than this is an attack; registries refuse manifests over 4 MiB.
LARGEST_DOCUMENT_BYTES = 4 << 20


# Source: schema/defs-descriptor.json of image-spec.
_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE = re.compile(f"{_NAME}/{_NAME}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")


class Descriptor(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What a blob is: media type, digest, and `size` in bytes as stored; `data` is the blob itself, if it is told."""

    media_type: str
    digest: Digest
    size: int
    urls: tuple[str, ...] = ()
    annotations: dict[str, str] = {}
    platform: Platform | None = None
    artifact_type: str = ""
    data: bytes = b""


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One image of one platform: its config, and its layers from the base up."""

    schema_version: int = msgspec.field(name="schemaVersion")
    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: str = ""
    annotations: dict[str, str] = {}
    subject: Descriptor | None = None
    artifact_type: str = ""


class Index(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Several images, usually one for each platform."""

    schema_version: int = msgspec.field(name="schemaVersion")
    manifests: tuple[Descriptor, ...]
    media_type: str = ""
    annotations: dict[str, str] = {}
    subject: Descriptor | None = None
    artifact_type: str = ""


class Healthcheck(msgspec.Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """How a container's health is asked for; durations in nanoseconds, 0 inherits."""

    test: tuple[str, ...] = ()
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class ContainerConfig(msgspec.Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """What a container of the image is started with: Docker's `Config`."""

    user: str = ""
    exposed_ports: dict[str, dict[str, Any]] = {}  # values are always {}: Docker's way to write a set
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    healthcheck: Healthcheck | None = None
    args_escaped: bool = False
    volumes: dict[str, dict[str, Any]] = {}  # values are always {}: Docker's way to write a set
    working_dir: str = ""
    labels: dict[str, str] = {}
    stop_signal: str = ""
    on_build: tuple[str, ...] = ()
    shell: tuple[str, ...] | None = None


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step that made the image; `empty_layer` for those that changed only the config."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class RootFS(msgspec.Struct, frozen=True):
    """The layers by diff_id: the digests of their uncompressed tars, from the base up."""

    type: str = "layers"
    diff_ids: tuple[Digest, ...] = ()


class ImageConfig(
    msgspec.Struct, frozen=True, omit_defaults=True, rename={"os_version": "os.version", "os_features": "os.features"}
):
    """The image's own document: platform, container config, layers by diff_id, history."""

    architecture: str
    os: str
    created: str = ""
    author: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()
    variant: str = ""
    config: ContainerConfig = ContainerConfig()
    rootfs: RootFS = RootFS()
    history: tuple[History, ...] = ()

    @property
    def platform(self) -> Platform:
        """Return the platform the image is for."""
        return Platform(self.architecture, self.os, self.os_version, self.os_features, self.variant)


D = TypeVar("D", Manifest, Index, ImageConfig)


class Document(msgspec.Struct, Generic[D], frozen=True):
    """A document beside the very bytes that it was read from or written as."""

    value: D
    raw: bytes

    @property
    def digest(self) -> Digest:
        """Return the digest of the bytes."""
        return digest_of(self.raw)

    def descriptor(self, media_type: str, platform: Platform | None = None) -> Descriptor:
        """Return how other documents refer to this one."""
        return Descriptor(media_type, self.digest, len(self.raw), platform=platform)


def read_document(raw: bytes, kind: type[D], name: str) -> Document[D]:
    """Return `raw` decoded as `kind`; `name` says in errors what was read.

    Raises InputError for what is not JSON, has a field of the wrong type or of another form than image-spec's schema
    wants, or a digest that is not sha256.
    """
    if len(raw) > LARGEST_DOCUMENT_BYTES:
        raise InputError(f"{name} is larger than {LARGEST_DOCUMENT_BYTES >> 20} MiB")
    try:
        if b"null" in raw:
            value = msgspec.convert(_without_nulls(msgspec.json.decode(raw)), kind)
        else:
            value = msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(f"{name} is not a valid {kind.__name__.lower()}: {error}") from error
    if isinstance(value, ImageConfig):
        for digest in value.rootfs.diff_ids:
            parse_digest(digest)
        return Document(value, raw)
    if value.schema_version != 2:  # noqa: PLR2004 - the only one since 2016
        raise InputError(f"{name} has schemaVersion {value.schema_version}, not 2")
    for descriptor in _descriptors(value):
        _check(descriptor)
    return Document(value, raw)


def write_document(value: D) -> Document[D]:
    """Return `value` with its bytes: JSON without spaces, fields in the order of the specification's examples."""
    return Document(value, msgspec.json.encode(value))


def _without_nulls(value: object) -> object:
    """Return `value` without fields that are null: Go programs write one for every empty list and map."""
    match value:
        case dict():
            return {key: _without_nulls(item) for key, item in value.items() if item is not None}
        case list():
            return [_without_nulls(item) for item in value]
        case _:
            return value


def _descriptors(value: Manifest | Index) -> Iterator[Descriptor]:
    """Yield all that a document refers to."""
    yield from (value.config, *value.layers) if isinstance(value, Manifest) else value.manifests
    if value.subject:
        yield value.subject


def _check(descriptor: Descriptor) -> None:
    """Raise InputError for a descriptor that image-spec's schema refuses."""
    parse_digest(descriptor.digest)
    for media_type in (descriptor.media_type, *filter(None, [descriptor.artifact_type])):
        if not _MEDIA_TYPE.fullmatch(media_type):
            raise InputError(f"{descriptor.digest} has `{media_type[:80]}` for a media type")
    if descriptor.size < 0:
        raise InputError(f"{descriptor.digest} has a size below zero: {descriptor.size}")
    for url in descriptor.urls:
        if not _URI.fullmatch(url):
            raise InputError(f"{descriptor.digest} has `{url[:80]}` for a URL")
