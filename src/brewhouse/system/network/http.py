"""Downloads: a file by its sha256 from the first of several places that has it, resumed where it broke off."""

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

import brewhouse
from brewhouse.errors import BrewError, FetchError, HostError, IntegrityError
from brewhouse.oci.digest import Digest, hex_part
from brewhouse.system.network.address import proxy_address, without_password
from brewhouse.system.network.transfer import (
    Place,
    RefusedError,
    Transfer,
    UnreachableError,
    Wanted,
    WrongBytesError,
    copy_from,
)
from brewhouse.system.progress.log import Step

if TYPE_CHECKING:
    import httpx2

PARALLEL = 8
_CONNECT_SECONDS = 15.0
_READ_SECONDS = 30.0
# The variables that httpx looks at: http_proxy, https_proxy, all_proxy.
_PROXIED = ("http", "https", "all")


class Download(msgspec.Struct, frozen=True):
    """A file that was fetched; its time is the server's Last-Modified, or 1970 where the server told none."""

    path: Path
    sha256: str


def open_client(headers: Mapping[str, str] | None = None) -> "httpx2.Client":
    """Return a client that trusts what the machine trusts, keeps connections, and goes through the user's proxies.

    Of `headers` an Authorization is not sent on to other hosts that a server leads to. Raises InputError for a proxy
    that cannot be used.
    """
    import ssl
    from urllib.request import getproxies_environment

    import httpx2

    for scheme, proxy in getproxies_environment().items():
        if scheme in _PROXIED:
            proxy_address(proxy, ("http", "https"))
    return httpx2.Client(
        verify=ssl.create_default_context(),
        timeout=httpx2.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
        limits=httpx2.Limits(max_connections=2 * PARALLEL, max_keepalive_connections=PARALLEL),
        # A compressed transfer would have other bytes than the ones that sha256 and size are of.
        headers={"User-Agent": f"brewhouse/{brewhouse.__version__}", "Accept-Encoding": "identity", **(headers or {})},
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
    client: "httpx2.Client | None" = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Path:
    """Return the file with this sha256, at once if it is there already, else from the first place that has it.

    `advance` hears how many more bytes are there, less than zero when a try is thrown away. What a killed download left
    is gone on with. Raises IntegrityError where a place has other bytes, HostError where no place could be reached,
    FetchError otherwise; each names every place and why.
    """
    if known := _known(downloads, sha256, advance):
        return known
    if client is None:
        with open_client() as own:
            return fetch(places, sha256, size, downloads, client=own, advance=advance)
    with _partial(downloads, sha256) as file:
        if known := _known(downloads, sha256, advance):  # another process was faster
            return known
        transfer = Transfer(file, Wanted(tuple(places), sha256, size), advance)
        if transfer.sha256 != sha256:  # else it was killed just before its end
            _fill(transfer, client)
        return transfer.keep(download_path(downloads, sha256))


def download(
    url: str,
    checksum: Digest | None,
    downloads: Path,
    step: Step | None = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> Download:
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
        with open_client(headers) as client:
            path = fetch((url,), hex_part(checksum), None, downloads, client=client, advance=advance)
        return Download(path, hex_part(checksum))
    with open_client(headers) as client, _partial(downloads, hashlib.sha256(url.encode()).hexdigest()) as file:
        transfer = Transfer(file, Wanted((url,), ""), advance)
        transfer.restart()  # what is left from another time may be of another file
        _fill(transfer, client)
        return Download(transfer.keep(download_path(downloads, transfer.sha256)), transfer.sha256)


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

    from concurrent.futures import ThreadPoolExecutor

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


def _known(downloads: Path, sha256: str, advance: Callable[[int], None]) -> Path | None:
    """Return the file that was fetched before, unless it has changed since."""
    path = download_path(downloads, sha256)
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                return None
            advance(file.tell())
    except FileNotFoundError:
        return None
    return path


@contextmanager
def _partial(downloads: Path, sha256: str) -> Iterator[IO[bytes]]:
    """Open the unfinished file, kept between runs unless nothing came, with no other process at it."""
    folder = downloads / "partial"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / sha256
    while True:
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever held the lock before may have renamed the file: then this one is not under the name any more.
            if not _is_at(path, file):
                continue
            try:
                yield file
            finally:
                if os.fstat(file.fileno()).st_size == 0 and _is_at(path, file):
                    path.unlink()
            return


def _is_at(path: Path, file: IO[bytes]) -> bool:
    """Tell whether an open file still has this name."""
    return path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino


def _fill(transfer: Transfer, client: "httpx2.Client") -> None:
    """Complete the transfer from the first place that can."""
    refused: list[tuple[Place, RefusedError]] = []
    for place in transfer.wanted.places:
        try:
            copy_from(place, transfer, client)
        except RefusedError as error:
            refused.append((place, error))
        else:
            return
    raise _failure(refused)


def _failure(refused: Sequence[tuple[Place, RefusedError]]) -> BrewError:
    reasons = "; ".join(f"{without_password(place)}: {error}" for place, error in refused) or "no place is known"
    wrong = [place for place, error in refused if isinstance(error, WrongBytesError)]
    if wrong:
        mend = "the file was changed after its checksum was taken, or on the way; try another mirror"
        return IntegrityError(f"refused a file that is not the expected one: {reasons}", hint=mend)
    if refused and all(isinstance(error, UnreachableError) for _, error in refused):
        return HostError(f"cannot reach the network: {reasons}", hint="check the connection and the proxy settings")
    return FetchError(f"a file could not be fetched: {reasons}")
