"""What a published manifest, and its line in an index, say of an image; pure.

Source: image-spec annotations.md; oci.jq and meta.jq of docker-library/meta-scripts for what official images carry.
"""

from collections.abc import Mapping

import msgspec

from brewhouse.library import source_of
from brewhouse.model import Entry, Image
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import BASE_DIGEST, BASE_NAME, Document, Manifest, write_document
from brewhouse.oci.platform import Arch

_OCI = "org.opencontainers.image"
BASHBREW_ARCH = "com.docker.official-images.bashbrew.arch"
# Which architectures an index was published without, on somebody's word.
MISSING = "dev.brewhouse.missing"


class Base(msgspec.Struct, frozen=True):
    """What an image is built on: the name by which users pull it, and the digest of its manifest as published."""

    name: str
    digest: Digest


def image_annotations(entry: Entry, arch: Arch, image: Image, url: str, base: Base | None) -> dict[str, str]:
    """Return the annotations of an image, sorted, empty ones left out."""
    source = source_of(entry, arch)
    commit = source.git_commit
    found = {
        f"{_OCI}.created": image.config.value.created,
        f"{_OCI}.revision": commit,
        f"{_OCI}.source": f"{source.git_repo}#{commit}:{source.directory}" if commit else "",
        f"{_OCI}.url": url,
        f"{_OCI}.version": entry.tags[0],
        BASE_NAME: base.name if base else "",
        BASE_DIGEST: base.digest if base else "",
        BASHBREW_ARCH: arch.value,
    }
    return {key: value for key, value in sorted(found.items()) if value}


def annotated(manifest: Manifest, annotations: Mapping[str, str]) -> Document[Manifest]:
    """Return a manifest with annotations added; config and layers stay what they are."""
    merged = dict(sorted({**manifest.annotations, **annotations}.items()))
    return write_document(msgspec.structs.replace(manifest, annotations=merged))


def stands_on(image: Image, base: Image) -> bool:
    """Tell whether the layers of `base` are the lowest of `image`."""
    own = image.config.value.rootfs.diff_ids
    below = base.config.value.rootfs.diff_ids
    return own[: len(below)] == below


def registry_url(domain: str, path: str) -> str:
    """Return the page of a repository: Docker Hub's, or the registry's own address."""
    if domain != "docker.io":
        return f"https://{domain}/{path}"
    official = path.removeprefix("library/")
    return f"https://hub.docker.com/_/{official}" if official != path else f"https://hub.docker.com/r/{path}"
