"""Layers that lie elsewhere than in the registry: read from the addresses in the manifest, without any login."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from brewhouse.errors import FetchError
from brewhouse.oci.document import Descriptor
from brewhouse.system.registry.connection import Connections, Request, Response
from brewhouse.system.registry.transport import MOST_REDIRECTS, REDIRECTS, redirect_target, trusted
from brewhouse.system.registry.wire import Patience, TemporaryError


def foreign_bytes(descriptor: Descriptor, start: int, pauses_seconds: Sequence[float]) -> Iterator[bytes]:
    """Yield a layer from byte `start` on, up to one byte more than it should have; the caller checks what comes.

    Raises FetchError where no address has it.
    """
    refusals = []
    for url in descriptor.urls:
        if not url.startswith(("https://", "http://")):
            refusals.append(f"{url[:100]}: not an address of the web")
            continue
        patience, done = Patience(pauses_seconds), start
        while True:
            try:
                for piece in _try(url, descriptor, done):
                    done += len(piece)
                    yield piece
            except _RefusedError as error:
                if done > start:
                    raise FetchError(str(error)) from error
                refusals.append(str(error))
                break
            except TemporaryError as error:
                patience.wait(error)
            else:
                return
    said = "; ".join(refusals) or "its manifest names no address"
    mend = "pull the image where its base is known, on Windows, and push it whole"
    raise FetchError(f"the foreign layer {descriptor.digest} cannot be had: {said}", hint=mend)


class _RefusedError(Exception):
    """An address that does not have the layer."""


def _try(url: str, descriptor: Descriptor, done: int) -> Iterator[bytes]:
    headers = {"Range": f"bytes={done}-"} if done else {}
    left = descriptor.size - done + 1
    with _opened(url, headers) as response:
        skip = 0 if response.headers.get("Content-Range", "").startswith(f"bytes {done}-") else done
        if not response.is_success:
            raise _RefusedError(f"{url}: {response.status} {response.reason}")
        for piece in response.pieces():
            wanted, skip = piece[skip:], max(0, skip - len(piece))
            if wanted:
                yield wanted[:left]
                left -= len(wanted)
            if left <= 0:
                return
    if left > 1:
        raise TemporaryError(f"{url} ended {left - 1} bytes too early")


@contextmanager
def _opened(url: str, headers: Mapping[str, str]) -> Iterator[Response]:
    """Give the answer to a request, redirects followed."""
    connections = Connections(trusted, proxied=True)
    try:
        for _ in range(MOST_REDIRECTS):
            response = connections.send(Request("GET", url, headers), urlsplit(url).netloc)
            try:
                if response.status not in REDIRECTS:
                    yield response
                    return
                url = redirect_target(response, url, urlsplit(url).netloc)
            finally:
                response.close()
    finally:
        connections.close()
    raise _RefusedError(f"{url}: redirects without end")
