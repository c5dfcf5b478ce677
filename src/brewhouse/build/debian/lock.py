"""The lock: which packages of which Debian suite an image is made of, each with its sha256.

Locks are kept in the store and used again by later runs; they can be given and exported as files, and do not name the
mirror, so that the same lock gives the same image wherever its packages come from.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, unquote

import msgspec

from brewhouse.errors import InputError
from brewhouse.system.apt import Offer
from brewhouse.system.network.transfer import Wanted
from brewhouse.system.sources import Mirror

# Source: Debian Policy 5.6.1, 5.6.8 and 5.6.12.
_NAME = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
_VERSION = Annotated[str, msgspec.Meta(pattern=r"^[0-9][A-Za-z0-9.+~:-]*$")]
_ARCHITECTURE = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+$")]
_SHA256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
_PATH = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._~+:%-]*(/[A-Za-z0-9][A-Za-z0-9._~+:%-]*)*$")]


class LockedPackage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One package: its file is `path` below the archive or the security archive of any mirror."""

    name: _NAME
    version: _VERSION
    architecture: _ARCHITECTURE
    size: Annotated[int, msgspec.Meta(gt=0)]
    sha256: _SHA256
    archive: Literal["archive", "security"]
    path: _PATH


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All packages of an image; `epoch` is the newest Date of the Release files, in seconds since 1970.

    `pockets` are the suites that the packages were chosen from and the image's apt will use: "trixie-updates".
    """

    suite: str
    architecture: _ARCHITECTURE
    epoch: Annotated[int, msgspec.Meta(ge=0)]
    pockets: tuple[str, ...]
    packages: tuple[LockedPackage, ...]


def lock_offers(offers: Iterable[Offer], mirror: Mirror) -> tuple[LockedPackage, ...]:
    """Return the packages that apt offers, sorted by name, their places relative to the mirror."""
    return tuple(sorted((_lock_offer(offer, mirror) for offer in offers), key=lambda package: package.name))


def wanted_file(package: LockedPackage, mirror: Mirror) -> Wanted:
    """Return where to get a locked package and how to know it."""
    base = mirror.archive if package.archive == "archive" else mirror.security
    path = package.path if base.startswith("file:") else quote(package.path)
    return Wanted((f"{base}/{path}",), package.sha256, package.size)


def read_lock(raw: bytes, name: str) -> Lock:
    """Return the lock written in `raw`; raises InputError, with the path of the fault, for what is none."""
    try:
        lock = msgspec.json.decode(raw, type=Lock)
    except msgspec.DecodeError as error:
        raise InputError(f"{name} is not a lock: {error}", hint="remove it, and it is made again") from error
    names = [package.name for package in lock.packages]
    if not names or len(set(names)) != len(names):
        raise InputError(f"{name} is not a lock: it has no packages, or one of them twice")
    return lock


def write_lock(lock: Lock) -> bytes:
    """Return `lock` as JSON that people can compare line by line."""
    return msgspec.json.format(msgspec.json.encode(lock), indent=2) + b"\n"


def lock_path(locks: Path, suite: str, architecture: str) -> Path:
    """Return where the store keeps the lock of a suite; raises InputError for what cannot be a suite."""
    if not re.fullmatch(r"[a-z]+(-[a-z]+)*", suite):
        raise InputError(f"`{suite}` is not a suite of Debian", hint="write its codename, such as trixie")
    return locks / f"debian-{suite}-{architecture}.json"


def _lock_offer(offer: Offer, mirror: Mirror) -> LockedPackage:
    archive: Literal["archive", "security"] = "security" if offer.uri.startswith(f"{mirror.security}/") else "archive"
    base = mirror.security if archive == "security" else mirror.archive
    path = unquote(offer.uri.removeprefix(f"{base}/"))
    return LockedPackage(offer.name, offer.version, offer.architecture, offer.size, offer.sha256, archive, path)
