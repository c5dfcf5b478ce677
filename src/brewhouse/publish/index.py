"""Indexes made of images, and changed: what `index create` and `index annotate` do; pure."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from brewhouse.errors import InputError
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import INDEX, Descriptor, Document, ImageConfig, Index, write_document
from brewhouse.oci.platform import PLATFORMS, Platform, parse_platform

_NO_PLATFORM = "unknown"


def platform_of(config: ImageConfig) -> Platform:
    """Return what an index says of an image: its config's platform, with the variant that arm64 and arm always have."""
    own = config.platform
    if own.variant or own.architecture not in ("arm", "arm64"):
        return own
    normal = parse_platform(f"{own.os}/{own.architecture}")
    return msgspec.structs.replace(own, variant=normal.variant)


def sort_entries(entries: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    """Return the entries of an index in their order: Linux by docker-library's names, then Windows, newest build first.

    Clients take the first that fits, and a Windows host can run images that are older than itself, never newer ones.
    """
    return tuple(sorted(entries, key=_rank))


def make_index(entries: Sequence[Descriptor], annotations: Mapping[str, str] | None = None) -> Document[Index]:
    """Return an index of images; raises InputError where two are for the same platform."""
    seen: dict[Platform | None, Digest] = {}
    for entry in entries:
        if entry.platform and entry.platform.os != _NO_PLATFORM and entry.platform in seen:
            both = f"{seen[entry.platform]} and {entry.digest}"
            raise InputError(f"two images are for {entry.platform}: {both}", hint="leave one out")
        seen[entry.platform] = entry.digest
    return write_document(Index(2, sort_entries(entries), media_type=INDEX, annotations=dict(annotations or {})))


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What `index annotate` changes of one entry; empty fields leave as it is what is there."""

    annotations: Mapping[str, str] = {}
    os_version: str = ""
    os_features: tuple[str, ...] = ()
    variant: str = ""


def annotate_index(index: Index, annotations: Mapping[str, str]) -> Document[Index]:
    """Return an index with further annotations of its own; an empty value removes one."""
    return write_document(msgspec.structs.replace(index, annotations=_merged(index.annotations, annotations)))


def annotate_entry(index: Index, digest: Digest, change: Change) -> Document[Index]:
    """Return an index with one entry changed; raises InputError where there is no such entry."""
    if all(entry.digest != digest for entry in index.manifests):
        known = ", ".join(f"{entry.digest} ({entry.platform})" for entry in index.manifests)
        raise InputError(f"the index has no entry {digest}", hint=f"it has: {known}")
    entries = [_changed(entry, change) if entry.digest == digest else entry for entry in index.manifests]
    return write_document(msgspec.structs.replace(index, manifests=sort_entries(entries)))


def find_entry(index: Index, text: str) -> Digest:
    """Return the digest of the entry that is meant by a digest, its beginning, or a platform."""
    found = [entry.digest for entry in index.manifests if entry.digest.startswith(text) or _is_for(entry, text)]
    if len(set(found)) != 1:
        known = ", ".join(f"{entry.digest[:19]} ({entry.platform})" for entry in index.manifests)
        problem = "several entries" if found else "no entry"
        raise InputError(f"the index has {problem} `{text}`", hint=f"it has: {known}")
    return found[0]


def _is_for(entry: Descriptor, text: str) -> bool:
    if entry.platform is None or "/" not in text:
        return False
    return parse_platform(text) == parse_platform(str(entry.platform))


def _changed(entry: Descriptor, change: Change) -> Descriptor:
    platform = entry.platform
    if change.os_version or change.os_features or change.variant:
        if platform is None:
            raise InputError(f"entry {entry.digest} has no platform to be changed")
        platform = msgspec.structs.replace(
            platform,
            os_version=change.os_version or platform.os_version,
            os_features=change.os_features or platform.os_features,
            variant=change.variant or platform.variant,
        )
    return msgspec.structs.replace(entry, platform=platform, annotations=_merged(entry.annotations, change.annotations))


def _merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in {**old, **new}.items() if value}


def _rank(entry: Descriptor) -> tuple[int, str, tuple[int, ...], str]:
    platform = entry.platform
    if platform is None or platform.os == _NO_PLATFORM:
        return 2, "", (), ""  # attestations and the like stay behind, in their order
    names = [arch.value for arch, known in PLATFORMS.items() if parse_platform(str(known)) == _normal(platform)]
    version = tuple(-int(part) if part.isdecimal() else 0 for part in platform.os_version.split("."))
    is_windows = int(platform.os == "windows")
    return is_windows, names[0] if names else str(platform), version if is_windows else (), platform.os_version


def _normal(platform: Platform) -> Platform:
    return parse_platform(str(platform))
