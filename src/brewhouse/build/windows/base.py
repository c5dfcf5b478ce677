"""The Windows that an image stands on: its manifest and config; layers are named and, if they are near, copied whole.

Nothing here unpacks a base. Its licence allows its use on licensed Windows hosts, and lets it be passed on only as part
of an image.
"""

from pathlib import Path

import msgspec

from brewhouse.errors import BrewError, InputError
from brewhouse.model import Image
from brewhouse.oci.document import (
    INDEX_TYPES,
    LAYER_GZIP,
    LAYER_TAR,
    LAYER_ZSTD,
    REF_NAME,
    Descriptor,
    Index,
    read_document,
)
from brewhouse.oci.platform import Platform
from brewhouse.oci.reference import parse_reference
from brewhouse.system.store.layout import Layout

PLATFORM = Platform("amd64", os="windows")

# The build number, third in os.version, of each release. Source: Microsoft's "Windows Server release information".
BUILDS = {"ltsc2025": 26100, "ltsc2022": 20348, "ltsc2019": 17763}


def find_base(folder: Path, name: str) -> Image:
    """Return the image that `name` ("mcr.microsoft.com/windows/servercore:ltsc2025") stands for in an OCI layout.

    It is the one under this name; else the one whose name ends in the same tag; else the only one with the build of
    that release. Raises InputError where there is none, or it is not for Windows.
    """
    layout = Layout(folder)
    tag = parse_reference(name).tag
    try:
        entries = layout.index().manifests
        named = [entry for entry in entries if entry.annotations.get(REF_NAME) == name]
        named = named or [entry for entry in entries if entry.annotations.get(REF_NAME, "").rpartition(":")[2] == tag]
        images = [layout.image(entry, PLATFORM) for entry in named or _all_images(layout, entries)]
    except OSError as error:
        raise InputError(f"{folder} is no OCI layout: {error.strerror}") from error
    fitting = [image for image in images if named or build_of(image) == BUILDS.get(tag)]
    if len(fitting) != 1:
        found = ", ".join(image.config.value.os_version or image.config.value.os for image in images) or "nothing"
        raise InputError(f"{folder} has {len(fitting)} images for {name}", hint=f"it holds: {found}")
    return check_base(fitting[0], name)


def check_base(image: Image, name: str) -> Image:
    """Return a base that an image can be put on; raises InputError where it is not Windows, or does not say which."""
    config = image.config.value
    if (config.os, config.architecture) != ("windows", "amd64"):
        raise InputError(f"{name} is for {config.os}/{config.architecture}, not for windows/amd64")
    if build_of(image) == 0:
        raise InputError(f"{name} has os.version `{config.os_version}`", hint="it must be like 10.0.26100.1")
    if len(config.rootfs.diff_ids) != len(image.manifest.value.layers):
        raise InputError(f"{name} has other layers in its manifest than in its config")
    return image


def build_of(image: Image) -> int:
    """Return the build number of an image's os.version: 26100 of 10.0.26100.33438; 0 where it has none."""
    parts = image.config.value.os_version.split(".")
    return int(parts[2]) if len(parts) == 4 and all(part.isdecimal() for part in parts) else 0  # noqa: PLR2004 - a.b.c.d


def copy_layers(image: Image, folder: Path | None, layout: Layout) -> int:
    """Copy into the store those layers of a base that its layout holds, if it has one; return how many are missing."""
    missing = 0
    for layer in image.manifest.value.layers:
        path = Layout(folder).blob_path(layer.digest) if folder else None
        if path and path.is_file():
            with path.open("rb") as blob:
                layout.ingest(blob, layer)
        else:
            missing += not layout.has_blob(layer.digest)
    return missing


def ordinary_layers(image: Image) -> tuple[Descriptor, ...]:
    """Return a base's layers as an OCI manifest names them.

    Layers that were to be fetched from their maker only ("foreign") are so no more since June 2023, and image-spec asks
    for no new ones. Raises InputError for a kind that cannot be written so.
    """
    return tuple(_ordinary(layer) for layer in image.manifest.value.layers)


def _ordinary(layer: Descriptor) -> Descriptor:
    kinds = {"gzip": LAYER_GZIP, "zstd": LAYER_ZSTD, "tar": LAYER_TAR}
    kind = kinds.get(layer.media_type.replace("+", ".").rpartition(".")[2])
    if kind is None:
        raise BrewError(f"layer {layer.digest} of the base is of unknown type {layer.media_type}")
    return msgspec.structs.replace(layer, media_type=kind, urls=())


def _all_images(layout: Layout, entries: tuple[Descriptor, ...]) -> list[Descriptor]:
    """Return the image manifests of a layout, those inside indexes too."""
    found: list[Descriptor] = []
    for entry in entries:
        if entry.media_type in INDEX_TYPES:
            found += read_document(layout.read_blob(entry), Index, f"blob {entry.digest}").value.manifests
        else:
            found.append(entry)
    return list({entry.digest: entry for entry in found}.values())
