"""Which release is made: the newest whose source can be had."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import httpx2
import msgspec

from brewhouse.errors import BrewError, FetchError, HostError, InputError
from brewhouse.model import Release
from brewhouse.system.network.http import download_path, fetch, open_client
from brewhouse.system.network.transfer import Place
from brewhouse.system.progress.log import Step
from brewhouse.system.store.disk import write_file
from brewhouse.upstream.places import host_of

FindPlaces = Callable[[Release], Iterable[Place]]


class Chosen(msgspec.Struct, frozen=True):
    """The release that is made, where its source came from, and why each newer one is not."""

    release: Release
    source: str
    passed_over: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Say it in one line: "3.13.5 from http://...; not 3.13.14: http://...: 404; nor 3.13.13, 3.13.12"."""
        text = f"{self.release.version} from {self.source}"
        if self.passed_over:
            (newest, reason), *older = self.passed_over
            text += f"; not {newest}: {reason}"
            text += f"; nor {', '.join(version for version, _ in older)}" if older else ""
        return text


def recall_choice(record: Path, releases: Sequence[Release], downloads: Path) -> Chosen | None:
    """Return what was chosen the last time, so that no network is asked.

    Nothing where the lock has changed since then in what matters: a newer release, or another sha256 for the chosen
    one; nor where its source is not in `downloads` any more.
    """
    try:
        chosen = msgspec.json.decode(record.read_bytes(), type=Chosen)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    considered = [version for version, _ in chosen.passed_over] + [chosen.release.version]
    is_current = releases and releases[0].version == considered[0] and chosen.release in releases
    return chosen if is_current and download_path(downloads, chosen.release.sha256).is_file() else None


def remember_choice(record: Path, chosen: Chosen, tmp: Path) -> None:
    """Keep a choice for `recall_choice`."""
    record.parent.mkdir(parents=True, exist_ok=True)
    write_file(record, msgspec.json.encode(chosen), tmp=tmp)


def choose_source(releases: Sequence[Release], find_places: FindPlaces, downloads: Path, step: Step) -> Chosen:
    """Return the first of `releases` (the newest stands first) whose source can be had, now in `downloads`.

    A host that cannot be reached is not tried again for an older release. Raises IntegrityError for a file that is
    not the one in the lock, HostError where nothing can be reached, FetchError where no place has any source.
    """
    passed_over: list[tuple[str, str]] = []
    with open_client() as client:
        search = _Search(client, downloads, step)
        for release in releases:
            if download_path(downloads, release.sha256).is_file():
                return Chosen(release, "the downloads of the store", tuple(passed_over))
            for place in find_places(release):
                if search.fetch(release, place):
                    return Chosen(release, str(place), tuple(passed_over))
            passed_over.append((release.version, "; ".join(search.take_reasons())))
    raise search.failure(passed_over)


class _Search:
    """Tries places one by one, and remembers which hosts cannot be reached."""

    def __init__(self, client: httpx2.Client, downloads: Path, step: Step) -> None:
        self._client = client
        self._downloads = downloads
        self._step = step
        self._unreachable: set[str] = set()
        self._reasons: list[str] = []
        self._answered = False

    def fetch(self, release: Release, place: Place) -> bool:
        """Tell whether the source of a release could be had from a place; if not, the reason is kept."""
        host = host_of(place)
        if host in self._unreachable:
            self._reasons.append(f"{host} cannot be reached")
            return False
        count = 0

        def advance(more: int) -> None:
            nonlocal count
            count += more
            self._step.advance(count, count)

        try:
            fetch((place,), release.sha256, None, self._downloads, client=self._client, advance=advance)
        except HostError as error:
            self._unreachable.add(host)
            self._reasons.append(_reason(error))
            return False
        except FetchError as error:
            self._answered = True
            self._reasons.append(_reason(error))
            return False
        return True

    def take_reasons(self) -> list[str]:
        """Return the reasons that came up since the last time."""
        reasons, self._reasons = self._reasons, []
        return reasons

    def failure(self, passed_over: Sequence[tuple[str, str]]) -> BrewError:
        """Return the error for releases none of which could be had."""
        mend = "name a folder or URL that holds the source: --artifacts DIR|URL"
        if not passed_over:
            return InputError("the lock knows no release to make", hint="add one to versions.json")
        newest, reason = passed_over[0]
        others = f" (nor that of {len(passed_over) - 1} older releases)" if len(passed_over) > 1 else ""
        text = f"the source of {newest} cannot be had{others}: {reason}"
        return FetchError(text, hint=mend) if self._answered else HostError(text, hint=f"check the network, or {mend}")


def _reason(error: BrewError) -> str:
    """Return place and reason, without what `fetch` says before them."""
    return error.message.partition(": ")[2] or error.message
