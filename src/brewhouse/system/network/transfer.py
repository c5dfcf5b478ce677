"""One file on its way from one place after the other: counted, hashed, resumed, tried again."""

import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import httpx2

Place = str | Path
"""Where a file may be: an http, https or file URL, or a path."""

_CHUNK_BYTES = 1 << 18
_PAUSES_SECONDS = (0.5, 1.0, 2.0)
_TEMPORARY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416
_FILE_URL = re.compile(r"^file:/+")


class Wanted(msgspec.Struct, frozen=True):
    """A file to be had: its sha256 in hex, its size in bytes where it is known, and places in the order of trial."""

    places: tuple[Place, ...]
    sha256: str
    size: int | None = None


class TemporaryError(Exception):
    """A fault after which the same place is worth another try."""


class RefusedError(Exception):
    """A place that does not have the file; the text says why."""


class UnreachableError(RefusedError):
    """A place that could not be talked to at all."""


class WrongBytesError(RefusedError):
    """A place that has other bytes under the name."""


class Transfer:
    """A file that is being filled, and the hash of what it holds so far."""

    def __init__(self, file: IO[bytes], wanted: Wanted, advance: Callable[[int], None]) -> None:
        """Go on with what `file` holds already; `advance` hears how many more bytes are there."""
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
        """Write what came; raises WrongBytesError once there is more than the size."""
        if self.wanted.size is not None and self.length + len(chunk) > self.wanted.size:
            self.restart()
            raise WrongBytesError(f"longer than {self.wanted.size} bytes")
        self._file.write(chunk)
        self._count(chunk)

    def restart(self) -> None:
        """Forget all bytes."""
        self._file.truncate(0)
        self._hash = hashlib.sha256()
        self._advance(-self.length)
        self.length = 0

    def finish(self) -> None:
        """Check the whole; raises TemporaryError for one that is too short, WrongBytesError for another file."""
        self._file.flush()
        size, wanted, found = self.wanted.size, self.wanted.sha256, self.sha256
        if size is not None and self.length < size:
            raise TemporaryError(f"ended after {self.length} of {size} bytes")
        if wanted and found != wanted:
            self.restart()
            raise WrongBytesError(f"has sha256 {found}, not {wanted}")

    def keep(self, path: Path) -> Path:
        """Give the finished file its own name and return that."""
        os.fsync(self._file.fileno())
        os.utime(self._file.fileno(), (self.modified, self.modified))
        path.parent.mkdir(exist_ok=True)
        return Path(self._file.name).rename(path)

    def _count(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self.length += len(chunk)
        self._advance(len(chunk))


def copy_from(place: Place, transfer: Transfer, client: "httpx2.Client") -> None:
    """Complete the transfer from one place; raises RefusedError, with the reason, where it does not have the file."""
    if isinstance(place, str) and place.startswith(("http://", "https://")):
        _copy_from_server(place, transfer, client)
    else:
        _copy_from_disk(Path(_FILE_URL.sub("/", str(place))), transfer)


def _copy_from_disk(path: Path, transfer: Transfer) -> None:
    transfer.restart()
    try:
        with path.open("rb") as source:
            transfer.modified = path.stat().st_mtime
            while chunk := source.read(_CHUNK_BYTES):
                transfer.append(chunk)
        transfer.finish()
    except (OSError, TemporaryError) as error:
        raise RefusedError(getattr(error, "strerror", None) or str(error)) from error


def _copy_from_server(url: str, transfer: Transfer, client: "httpx2.Client") -> None:
    """Fetch from one server; a fault that may pass is met by another try, which goes on where the last one ended."""
    import httpx2

    pauses = iter(_PAUSES_SECONDS)
    furthest = transfer.length
    while True:
        try:
            _request(url, transfer, client)
        except (TemporaryError, httpx2.TransportError) as error:
            if transfer.length > furthest:
                furthest, pauses = transfer.length, iter(_PAUSES_SECONDS)
            pause = next(pauses, None)
            if pause is None or isinstance(error, httpx2.UnsupportedProtocol):
                unreachable = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError)
                raise (UnreachableError if unreachable else RefusedError)(str(error) or type(error).__name__) from error
            time.sleep(pause)
        except (httpx2.InvalidURL, httpx2.TooManyRedirects) as error:
            raise RefusedError(str(error)) from error
        else:
            return


def _request(url: str, transfer: Transfer, client: "httpx2.Client") -> None:
    resumed = transfer.length
    headers = {"Range": f"bytes={resumed}-"} if resumed else {}
    with client.stream("GET", url, headers=headers) as response:
        if resumed and not _goes_on(response, resumed):
            transfer.restart()
        if response.status_code == _RANGE_NOT_SATISFIABLE:
            raise TemporaryError(f"has nothing behind the first {resumed} bytes")
        if response.status_code in _TEMPORARY_STATUS:
            raise TemporaryError(f"{response.status_code} {response.reason_phrase}")
        if not response.is_success:
            raise RefusedError(f"{response.status_code} {response.reason_phrase}")
        transfer.modified = _last_modified(response)
        for chunk in response.iter_raw(_CHUNK_BYTES):
            transfer.append(chunk)
    try:
        transfer.finish()
    except WrongBytesError as error:
        if resumed:  # what was left from the last time may be at fault
            raise TemporaryError(str(error)) from error
        raise


def _goes_on(response: "httpx2.Response", length: int) -> bool:
    """Tell whether the bytes we have may stay: the answer goes on behind them, or is not about the file at all."""
    if response.status_code == _PARTIAL_CONTENT:
        return response.headers.get("Content-Range", "").startswith(f"bytes {length}-")
    return not response.is_success and response.status_code != _RANGE_NOT_SATISFIABLE


def _last_modified(response: "httpx2.Response") -> float:
    """Return when the server says the file was changed, in seconds since 1970, 0 where it says nothing to be used."""
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(response.headers.get("Last-Modified", "")).timestamp())
    except ValueError:
        return 0.0
