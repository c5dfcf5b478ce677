"""Downloads: a file by its sha256 from the first of several places that has it, resumed where it broke off."""

import fcntl
import hashlib
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO

import httpx2
import msgspec

import brewhouse
from brewhouse.errors import BrewError, FetchError, HostError, IntegrityError
from brewhouse.oci.digest import Digest, hex_part
from brewhouse.system.log import Step

Place = str | Path
"""Where a file may be: an http, https or file URL, or a path."""

PARALLEL = 8
_CHUNK_BYTES = 1 << 18
_CONNECT_SECONDS = 15.0
_READ_SECONDS = 30.0
_PAUSES_SECONDS = (0.5, 1.0, 2.0)
_TEMPORARY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416


class Wanted(msgspec.Struct, frozen=True):
    """A file to be had: its sha256 in hex, its size in bytes where it is known, and places in the order of trial."""

    places: tuple[Place, ...]
    sha256: str
    size: int | None = None


class Download(msgspec.Struct, frozen=True):
    """A file that was fetched; its time is the server's Last-Modified, or 1970 where the server told none."""

    path: Path
    sha256: str


class _TemporaryError(Exception):
    """A fault after which the same place is worth another try."""


class _RefusedError(Exception):
    """A place that does not have the file; the text says why."""


class _UnreachableError(_RefusedError):
    """A place that could not be talked to at all."""


class _WrongBytesError(_RefusedError):
    """A place that has other bytes under the name."""


def open_client() -> httpx2.Client:
    """Return a client that trusts what the machine trusts, keeps connections, and goes through the user's proxies."""
    return httpx2.Client(
        verify=ssl.create_default_context(),
        timeout=httpx2.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
        limits=httpx2.Limits(max_connections=2 * PARALLEL, max_keepalive_connections=PARALLEL),
        # A compressed transfer would have other bytes than the ones that sha256 and size are of.
        headers={"User-Agent": f"brewhouse/{brewhouse.__version__}", "Accept-Encoding": "identity"},
        follow_redirects=True,
    )


def download_path(downloads: Path, sha256: str) -> Path:
    """Return where the finished file is, or would be."""
    return downloads / "sha256" / sha256


def fetch(
    places: Sequence[Place],
    sha256: str,
    size: int | None,
    downloads: Path,
    *,
    client: httpx2.Client | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Path:
    """Return the file with this sha256, at once if it is there already, else from the first place that has it.

    `advance` hears how many more bytes are there, less than zero when a try is thrown away. What a killed download left
    is gone on with. Raises IntegrityError where a place has other bytes, HostError where no place could be reached,
    FetchError otherwise; each names every place and why.
    """
    path = download_path(downloads, sha256)
    if path.is_file():
        advance(path.stat().st_size)
        return path
    if client is None:
        with open_client() as own:
            return fetch(places, sha256, size, downloads, client=own, advance=advance)
    with _partial(downloads, sha256) as file:
        if path.is_file():  # another process was faster
            advance(path.stat().st_size)
            return path
        transfer = _Transfer(file, Wanted(tuple(places), sha256, size), advance)
        if transfer.sha256 != sha256:  # else it was killed just before its end
            _fill(transfer, client)
        return transfer.keep(downloads)


def download(url: str, checksum: Digest | None, downloads: Path, step: Step | None = None) -> Download:
    """Return what is behind `url` now; with a checksum, what is in `downloads` already will do.

    `step` hears how many bytes have come. Raises as `fetch` does.
    """
    count = 0

    def advance(more: int) -> None:
        nonlocal count
        count += more
        if step:
            step.advance(count, count)

    if checksum:
        return Download(fetch((url,), hex_part(checksum), None, downloads, advance=advance), hex_part(checksum))
    with open_client() as client, _partial(downloads, hashlib.sha256(url.encode()).hexdigest()) as file:
        transfer = _Transfer(file, Wanted((url,), ""), advance)
        transfer.restart()  # what is left from another time may be of another file
        _fill(transfer, client)
        return Download(transfer.keep(downloads), transfer.sha256)


def fetch_all(
    wanted: Sequence[Wanted], downloads: Path, advance: Callable[[int, int], None] = lambda _done, _total: None
) -> list[Path]:
    """Return the files in the order of `wanted`, several fetched at a time; the first error ends all.

    `advance` hears how many bytes of how many are there.
    """
    total = sum(file.size or 0 for file in wanted)
    done = 0
    guard = threading.Lock()

    def add(count: int) -> None:
        nonlocal done
        with guard:
            done += count
            advance(done, total)

    with open_client() as client, ThreadPoolExecutor(PARALLEL) as pool:
        tasks = [
            pool.submit(fetch, file.places, file.sha256, file.size, downloads, client=client, advance=add)
            for file in wanted
        ]
        try:
            return [task.result() for task in tasks]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _partial(downloads: Path, sha256: str) -> Iterator[IO[bytes]]:
    """Open the unfinished file, kept between runs, with no other process at it."""
    folder = downloads / "partial"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / sha256
    while True:
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever held the lock before may have renamed the file: then this one is not under the name any more.
            if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                yield file
                return


def _fill(transfer: "_Transfer", client: httpx2.Client) -> None:
    """Complete the transfer from the first place that can."""
    refused: list[tuple[Place, _RefusedError]] = []
    for place in transfer.wanted.places:
        try:
            _copy_from(place, transfer, client)
        except _RefusedError as error:
            refused.append((place, error))
        else:
            return
    raise _failure(refused)


def _failure(refused: Sequence[tuple[Place, _RefusedError]]) -> BrewError:
    reasons = "; ".join(f"{place}: {error}" for place, error in refused) or "no place is known"
    wrong = [place for place, error in refused if isinstance(error, _WrongBytesError)]
    if wrong:
        mend = "the file was changed after its checksum was taken, or on the way; try another mirror"
        return IntegrityError(f"refused a file that is not the expected one: {reasons}", hint=mend)
    if refused and all(isinstance(error, _UnreachableError) for _, error in refused):
        return HostError(f"cannot reach the network: {reasons}", hint="check the connection and the proxy settings")
    return FetchError(f"a file could not be fetched: {reasons}")


class _Transfer:
    """A file that is being filled, and the hash of what it holds so far."""

    def __init__(self, file: IO[bytes], wanted: Wanted, advance: Callable[[int], None]) -> None:
        self.wanted = wanted
        self.length = 0
        self.modified = 0.0
        self._file = file
        self._hash = hashlib.sha256()
        self._advance = advance
        file.seek(0)
        while chunk := file.read(_CHUNK_BYTES):
            self._count(chunk)

    @property
    def sha256(self) -> str:
        """Return the sha256 of all bytes so far."""
        return self._hash.hexdigest()

    def append(self, chunk: bytes) -> None:
        """Write what came; raises _WrongBytesError once there is more than the size."""
        if self.wanted.size is not None and self.length + len(chunk) > self.wanted.size:
            self.restart()
            raise _WrongBytesError(f"longer than {self.wanted.size} bytes")
        self._file.write(chunk)
        self._count(chunk)

    def restart(self) -> None:
        """Forget all bytes."""
        self._file.truncate(0)
        self._hash = hashlib.sha256()
        self._advance(-self.length)
        self.length = 0

    def finish(self) -> None:
        """Check the whole; raises _TemporaryError for one that is too short, _WrongBytesError for another file."""
        self._file.flush()
        size, wanted, found = self.wanted.size, self.wanted.sha256, self.sha256
        if size is not None and self.length < size:
            raise _TemporaryError(f"ended after {self.length} of {size} bytes")
        if wanted and found != wanted:
            self.restart()
            raise _WrongBytesError(f"has sha256 {found}, not {wanted}")

    def keep(self, downloads: Path) -> Path:
        """Put the finished file where finished files are."""
        os.fsync(self._file.fileno())
        os.utime(self._file.fileno(), (self.modified, self.modified))
        path = download_path(downloads, self.sha256)
        path.parent.mkdir(exist_ok=True)
        return Path(self._file.name).rename(path)

    def _count(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self.length += len(chunk)
        self._advance(len(chunk))


def _copy_from(place: Place, transfer: _Transfer, client: httpx2.Client) -> None:
    if isinstance(place, str) and place.startswith(("http://", "https://")):
        _copy_from_server(place, transfer, client)
    else:
        _copy_from_disk(Path(str(place).removeprefix("file://")), transfer)


def _copy_from_disk(path: Path, transfer: _Transfer) -> None:
    transfer.restart()
    try:
        with path.open("rb") as source:
            transfer.modified = path.stat().st_mtime
            while chunk := source.read(_CHUNK_BYTES):
                transfer.append(chunk)
        transfer.finish()
    except (OSError, _TemporaryError) as error:
        raise _RefusedError(getattr(error, "strerror", None) or str(error)) from error


def _copy_from_server(url: str, transfer: _Transfer, client: httpx2.Client) -> None:
    """Fetch from one server; a fault that may pass is met by another try, which goes on where the last one ended."""
    pauses = iter(_PAUSES_SECONDS)
    furthest = transfer.length
    while True:
        try:
            _request(url, transfer, client)
        except (_TemporaryError, httpx2.TransportError) as error:
            if transfer.length > furthest:
                furthest, pauses = transfer.length, iter(_PAUSES_SECONDS)
            pause = next(pauses, None)
            if pause is None or isinstance(error, httpx2.UnsupportedProtocol):
                unreachable = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError)
                raise (_UnreachableError if unreachable else _RefusedError)(
                    str(error) or type(error).__name__
                ) from error
            time.sleep(pause)
        except (httpx2.InvalidURL, httpx2.TooManyRedirects) as error:
            raise _RefusedError(str(error)) from error
        else:
            return


def _request(url: str, transfer: _Transfer, client: httpx2.Client) -> None:
    resumed = transfer.length
    headers = {"Range": f"bytes={resumed}-"} if resumed else {}
    with client.stream("GET", url, headers=headers) as response:
        if resumed and not _goes_on(response, resumed):
            transfer.restart()
        if response.status_code == _RANGE_NOT_SATISFIABLE:
            raise _TemporaryError(f"has nothing behind the first {resumed} bytes")
        if response.status_code in _TEMPORARY_STATUS:
            raise _TemporaryError(f"{response.status_code} {response.reason_phrase}")
        if not response.is_success:
            raise _RefusedError(f"{response.status_code} {response.reason_phrase}")
        transfer.modified = _last_modified(response)
        for chunk in response.iter_bytes(_CHUNK_BYTES):
            transfer.append(chunk)
    try:
        transfer.finish()
    except _WrongBytesError as error:
        if resumed:  # what was left from the last time may be at fault
            raise _TemporaryError(str(error)) from error
        raise


def _goes_on(response: httpx2.Response, length: int) -> bool:
    """Tell whether the bytes we have may stay: the answer goes on behind them, or is not about the file at all."""
    if response.status_code == _PARTIAL_CONTENT:
        return response.headers.get("Content-Range", "").startswith(f"bytes {length}-")
    return not response.is_success and response.status_code != _RANGE_NOT_SATISFIABLE


def _last_modified(response: httpx2.Response) -> float:
    """Return when the server says the file was changed, in seconds since 1970, 0 where it says nothing to be used."""
    try:
        return max(0.0, parsedate_to_datetime(response.headers.get("Last-Modified", "")).timestamp())
    except ValueError:
        return 0.0
