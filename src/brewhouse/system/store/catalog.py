"""The images of a store as users know them: by name, by digest, or by the beginning of an id; listed and removed."""

import re
from collections.abc import Sequence

import msgspec

from brewhouse.errors import InputError, StoreError
from brewhouse.model import Image
from brewhouse.oci.digest import Digest, hex_part
from brewhouse.oci.document import INDEX_TYPES, REF_NAME, Descriptor, Index, read_document
from brewhouse.oci.platform import PLATFORMS, Platform, host_arch, parse_platform
from brewhouse.oci.reference import parse_reference
from brewhouse.system.store.layout import Layout, choose_platform

_ID = r"(?:sha256:)?([0-9a-f]{1,64})"


class Stored(msgspec.Struct, frozen=True):
    """An entry of the store's index with all names that it has.

    Of an entry for several platforms, `image` is the one for the platform asked for, else this machine's, else the
    first; there is none where the store is damaged.
    """

    entry: Descriptor
    names: tuple[str, ...]
    image: Image | None

    @property
    def image_id(self) -> Digest:
        """Return what Docker calls the image's id: the digest of its config."""
        return self.image.manifest.value.config.digest if self.image else self.entry.digest

    @property
    def size_bytes(self) -> int:
        """Return the bytes of its blobs as they are stored, compressed."""
        if not self.image:
            return 0
        manifest = self.image.manifest.value
        return self.image.descriptor.size + manifest.config.size + sum(layer.size for layer in manifest.layers)


def list_images(layout: Layout) -> list[Stored]:
    """Return all images of the store, those without a name too, in the order of the index."""
    groups: dict[Digest, list[Descriptor]] = {}
    for entry in layout.index().manifests:
        groups.setdefault(entry.digest, []).append(entry)
    return [_stored(layout, group) for group in groups.values()]


def find_stored(layout: Layout, text: str, platform: Platform | None = None) -> Stored:
    """Return the image that a user means by "python:3.13", "python@sha256:...", "sha256:2f1a..." or "2f1a".

    Raises InputError where there is none, where the beginning of an id fits several, or none is for `platform`.
    """
    named = _find_named(layout, text)
    digest = named.digest if named else _find_id(layout, text)
    return _stored(layout, [entry for entry in layout.index().manifests if entry.digest == digest], platform)


def find_image(layout: Layout, text: str, platform: Platform | None = None) -> Image:
    """Return the image that a user means, as `find_stored` does; raises StoreError where it is damaged."""
    stored = find_stored(layout, text, platform)
    return stored.image or layout.image(stored.entry, platform)


def select(layout: Layout, texts: Sequence[str], platform: Platform | None = None) -> list[Stored]:
    """Return the images that `texts` mean, each once, with those names only that were asked for.

    "python:3.13" asks for that name, "python" for all names of the repository, an id for none.
    """
    selected: dict[Digest, Stored] = {}
    for text in texts:
        for name in _repository_names(layout, text) or [text]:
            stored = find_stored(layout, name, platform)
            entry = stored.image.descriptor if stored.image and platform else stored.entry
            names = selected[entry.digest].names if entry.digest in selected else ()
            asked = tuple(known for known in names_meant(stored, name) if known not in names)
            selected[entry.digest] = Stored(entry, (*names, *asked), stored.image)
    return list(selected.values())


def names_meant(stored: Stored, text: str) -> tuple[str, ...]:
    """Return the names of `stored` that `text` is; none where it is an id or a digest."""
    return tuple(name for name in stored.names if name == _tidy(text))


def _repository_names(layout: Layout, text: str) -> list[str]:
    """Return all names of the repository `text`; none where that is no repository, or has a tag or digest."""
    return [name for name in layout.names() if parse_reference(name).repository == text]


def _tidy(text: str) -> str:
    """Return a name as the store writes it; what is no name stays what it is."""
    try:
        reference = parse_reference(text)
    except InputError:
        return text
    return str(msgspec.structs.replace(reference, digest=None)) if reference.tag else text


def _find_named(layout: Layout, text: str) -> Descriptor | None:
    try:
        return None if text.startswith("sha256:") else layout.find(parse_reference(text))
    except InputError:
        if re.fullmatch(_ID, text):
            return None
        raise


def _find_id(layout: Layout, text: str) -> Digest:
    match = re.fullmatch(_ID, text)
    found = [stored.entry.digest for stored in list_images(layout) if match and _has_id(stored, match[1])]
    if len(found) > 1:
        raise InputError(f"`{text}` is the beginning of several ids", hint="write more of it: brewhouse images")
    if not found:
        mend = "see what there is: brewhouse images; fetch more: brewhouse pull"
        raise InputError(f"there is no image `{text}` in the store", hint=mend)
    return found[0]


def _has_id(stored: Stored, beginning: str) -> bool:
    ids = [stored.image_id, stored.entry.digest, *([stored.image.descriptor.digest] if stored.image else [])]
    return any(hex_part(digest).startswith(beginning) for digest in ids)


def _stored(layout: Layout, entries: Sequence[Descriptor], platform: Platform | None = None) -> Stored:
    """Return what `entries`, all of one digest, stand for."""
    names = tuple(entry.annotations[REF_NAME] for entry in entries if REF_NAME in entry.annotations)
    try:
        image = layout.image(_of_platform(layout, entries[0], platform))
    except StoreError:
        image = None
    is_alone = entries[0].media_type not in INDEX_TYPES
    # Neither os.version counts, which users do not type, nor how arm64's only variant is written.
    if image and platform and is_alone and parse_platform(str(image.config.value.platform)) != platform:
        name = names[0] if names else entries[0].digest
        message = f"`{name}` is for {image.config.value.platform}, not for {platform}"
        raise InputError(message, hint="brew, build or pull the one that is")
    return Stored(entries[0], names, image)


def _of_platform(layout: Layout, entry: Descriptor, platform: Platform | None) -> Descriptor:
    """Return the manifest of an index that is for `platform`; if none was asked for, this machine's or the first."""
    if entry.media_type not in INDEX_TYPES:
        return entry
    index = read_document(layout.read_blob(entry), Index, f"blob {entry.digest}").value
    if platform:
        return choose_platform(index, platform, f"blob {entry.digest}")
    try:
        return choose_platform(index, PLATFORMS[host_arch()], f"blob {entry.digest}")
    except InputError:
        if not index.manifests:
            raise StoreError(f"index {entry.digest} is empty", hint="remove it: brewhouse rmi") from None
        return index.manifests[0]
