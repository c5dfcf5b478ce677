"""Where the source of a release may be."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from brewhouse.model import Release
from brewhouse.system.network.transfer import Place


def places(release: Release, artifacts: Sequence[str], mirror: str) -> Iterator[Place]:
    """Yield the places to look at, in order: those of `--artifacts`, upstream's own, and the pool of a Debian mirror.

    Artifacts are folders or URLs of folders that hold files under upstream's names ("Python-3.13.5.tar.xz"); `mirror`
    is ".../debian", or "" for none. All of them are believed only by the sha256 of the lock.
    """
    name = release.url.rpartition("/")[2]
    for folder in artifacts:
        yield f"{folder.rstrip('/')}/{name}" if "://" in folder else Path(folder) / name
    yield release.url
    if release.pool and mirror:
        yield f"{mirror}/{release.pool}"


def host_of(place: Place) -> str:
    """Return the host that a place is on, "" for this machine."""
    return urlsplit(place).netloc if isinstance(place, str) else ""
