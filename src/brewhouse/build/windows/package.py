"""Which CPython for Windows is taken: the index of python.org's install manager, and the archive that it names.

Source: src/manage/indexutils.py and tests/data of python/pymanager, whose index this is.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urljoin

import msgspec

from brewhouse.errors import BrewError, FetchError, InputError
from brewhouse.system.network.address import without_password
from brewhouse.system.network.http import download, download_path, fetch
from brewhouse.system.network.transfer import Place
from brewhouse.system.progress.log import Step
from brewhouse.system.store.disk import write_file

INDEX_NAME = "index-windows.json"
INDEX_URL = f"https://www.python.org/ftp/python/{INDEX_NAME}"
_MOST_PAGES = 10


class Package(msgspec.Struct, frozen=True):
    """An archive with CPython for amd64, and where the index has it."""

    version: str
    url: str
    sha256: str


class _Entry(msgspec.Struct, frozen=True, rename="kebab"):
    """One build in the index; there are also embeddable ones, test suites, and other architectures."""

    id: str
    sort_version: str
    url: str
    hash: dict[str, str] = {}


class _Page(msgspec.Struct, frozen=True):
    """One file of the index; `next` is the one with older versions."""

    versions: tuple[_Entry, ...]
    next: str = ""


def choose_package(versions: Sequence[str], artifacts: Sequence[str], downloads: Path, step: Step) -> Package:
    """Return the first of `versions` (the newest stands first) that an index has.

    `artifacts` are folders or URLs with an `index-windows.json` of their own, asked before python.org's; the first
    index that has any of the versions is taken. Raises FetchError where none has, InputError for a malformed one.
    """
    reasons = []
    for place in (*(_join(folder, INDEX_NAME) for folder in artifacts), INDEX_URL):
        try:
            offered = {package.version: package for package in _read_index(place, downloads)}
        except BrewError as error:
            if isinstance(error, InputError) and not isinstance(error, FetchError):
                raise
            reasons.append(error.message)
            continue
        for version in versions:
            if version in offered:
                step.note(f"{version} from {without_password(place)}")
                return offered[version]
        reasons.append(f"{without_password(place)} has none of {versions[-1]} to {versions[0]}")
    mend = f"name a folder or URL with an {INDEX_NAME} and the archives that it names: --artifacts DIR|URL"
    raise FetchError(f"no CPython for Windows: {'; '.join(reasons)}", hint=mend)


class _Remembered(msgspec.Struct, frozen=True):
    """What was chosen, and the newest version that there was to choose from."""

    newest: str
    package: Package


def recall_package(record: Path, versions: Sequence[str], downloads: Path) -> Package | None:
    """Return what was chosen the last time, unless newer versions are known now or the archive is gone."""
    try:
        found = msgspec.json.decode(record.read_bytes(), type=_Remembered)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    is_current = found.newest == versions[0] and found.package.version in versions
    return found.package if is_current and download_path(downloads, found.package.sha256).is_file() else None


def remember_package(record: Path, versions: Sequence[str], package: Package, tmp: Path) -> None:
    """Keep a choice for `recall_package`."""
    record.parent.mkdir(parents=True, exist_ok=True)
    write_file(record, msgspec.json.encode(_Remembered(versions[0], package)), tmp=tmp)


def fetch_package(package: Package, artifacts: Sequence[str], downloads: Path, step: Step) -> Path:
    """Return the archive, checked by the index's sha256; one of this name among `artifacts` is tried first."""
    name = package.url.rpartition("/")[2]
    count = 0

    def advance(more: int) -> None:
        nonlocal count
        count += more
        step.advance(count, count)

    places = (*(_join(folder, name) for folder in artifacts), package.url)
    return fetch(places, package.sha256, None, downloads, advance=advance)


def _read_index(place: Place, downloads: Path) -> Iterator[Package]:
    """Yield the packages of an index and of those that it goes on in."""
    seen: set[Place] = set()
    while place not in seen and len(seen) < _MOST_PAGES:
        seen.add(place)
        page = _decode(_read(place, downloads), place)
        for entry in page.versions:
            if entry.id.startswith("pythoncore-") and entry.id.endswith("-64") and "sha256" in entry.hash:
                yield Package(entry.sort_version, urljoin(str(place), entry.url), entry.hash["sha256"])
        if page.next:
            place = urljoin(place, page.next) if isinstance(place, str) else place.parent / page.next


def _read(place: Place, downloads: Path) -> bytes:
    if isinstance(place, str):
        return download(place, None, downloads).path.read_bytes()
    try:
        return place.read_bytes()
    except OSError as error:
        raise FetchError(f"{place}: {error.strerror}") from error


def _decode(content: bytes, place: Place) -> _Page:
    try:
        return msgspec.json.decode(content, type=_Page)
    except msgspec.DecodeError as error:
        raise InputError(f"{without_password(place)} is not an index of Windows packages: {error}") from error


def _join(folder: str, name: str) -> Place:
    return f"{folder.rstrip('/')}/{name}" if "://" in folder else Path(folder) / name
