"""Blobs into a registry: mounted from another repository, or sent whole or in pieces, gone on with after a break.

Source: distribution-spec 1.1, "Pushing Blobs".
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from urllib.parse import urljoin, urlsplit

from brewhouse.errors import IntegrityError, RegistryError
from brewhouse.oci.digest import hex_part
from brewhouse.oci.document import Descriptor
from brewhouse.system.registry.blobs import has_blob
from brewhouse.system.registry.challenge import merge_scopes, repository_scope
from brewhouse.system.registry.client import Registry
from brewhouse.system.registry.transport import Answer, Ask, refused
from brewhouse.system.registry.wire import Patience, TemporaryError

Blob = Callable[[], Iterator[bytes]]
"""Gives the bytes of a blob from the first on, each time it is called."""

_CREATED, _ACCEPTED, _NO_CONTENT = 201, 202, 204
_NOT_FOUND, _TOO_LARGE, _RANGE_NOT_SATISFIABLE = 404, 413, 416
_OK = 200
_RANGE = re.compile(r"(?:bytes=)?0-(\d+)")
# What is tried where a server, or a proxy before it, takes no larger requests.
_FALL_BACK_CHUNK_BYTES = 16 << 20


def mount_blob(registry: Registry, repository: str, descriptor: Descriptor, source: str) -> bool:
    """Let a repository have a blob of `source`, another one of the same registry; return whether that was granted."""
    scopes = merge_scopes([repository_scope(source, "pull"), repository_scope(repository, "pull", "push")])
    url = f"/v2/{repository}/blobs/uploads/?mount={descriptor.digest}&from={source}"
    answer = registry.transport.send(Ask("POST", url, scopes))
    if answer.status == _ACCEPTED and "Location" in answer.headers:
        # An upload was begun instead, which nobody will go on with.
        registry.transport.send(Ask("DELETE", urljoin(answer.url, answer.headers["Location"]), scopes))
    return answer.status == _CREATED


def upload_blob(
    registry: Registry, repository: str, descriptor: Descriptor, blob: Blob, advance: Callable[[int], None]
) -> None:
    """Send a blob, checked against digest and size before its last byte is sent; `advance` hears what has arrived.

    Raises IntegrityError for other bytes than the digest's, RegistryError where no try helped.
    """
    _Upload(registry, repository, descriptor, blob, advance).run()


class _StaleError(Exception):
    """An upload that the registry does not know any more."""


class _Upload:
    """One blob on its way."""

    def __init__(
        self, registry: Registry, repository: str, descriptor: Descriptor, blob: Blob, advance: Callable[[int], None]
    ) -> None:
        self._registry = registry
        self._repository = repository
        self._descriptor = descriptor
        self._blob = blob
        self._advance = advance
        self._chunk_bytes = registry.chunk_bytes
        self._scopes = (repository_scope(repository, "pull", "push"),)
        self._location = ""
        self._arrived = 0

    def run(self) -> None:
        """Try until the blob is there."""
        patience = Patience(self._registry.transport.pauses_seconds)
        while True:
            before, is_new = self._arrived, not self._location
            try:
                if self._location:
                    self._arrived = self._ask_arrived()
                else:
                    self._begin()
                self._send()
            except _StaleError:
                if has_blob(self._registry, self._repository, self._descriptor.digest):
                    return  # its end arrived, and only the answer was lost
                self._location, self._arrived = "", 0
                # distribution forgets what broke in the middle of a request; that was waited for already.
                if is_new:
                    patience.wait(TemporaryError(f"{self._registry.domain} forgot an upload that was not finished"))
            except TemporaryError as error:
                patience.wait(error, progress=self._arrived > before)
            else:
                return

    def _begin(self) -> None:
        """Open an upload."""
        answer = self._registry.transport.send(Ask("POST", f"/v2/{self._repository}/blobs/uploads/", self._scopes))
        if answer.status != _ACCEPTED:
            raise self._refused(answer)
        self._arrived = 0
        self._follow(answer)
        smallest = answer.headers.get("OCI-Chunk-Min-Length", "")
        if self._chunk_bytes and smallest.isdecimal():
            self._chunk_bytes = max(self._chunk_bytes, int(smallest))

    def _send(self) -> None:
        """Send what has not arrived: in one request that also ends the upload, or in pieces."""
        if not self._chunk_bytes and not self._arrived:
            answer = self._put(0)
            if answer.status != _TOO_LARGE:
                self._finish(answer)
                return
            self._chunk_bytes = _FALL_BACK_CHUNK_BYTES
            raise _StaleError
        while self._arrived < self._descriptor.size:
            self._patch()
        self._finish(self._put(self._descriptor.size))

    def _put(self, start: int) -> Answer:
        """Send all behind the first `start` bytes, and end the upload."""
        mark = "&" if urlsplit(self._location).query else "?"
        url = f"{self._location}{mark}digest={self._descriptor.digest}"
        return self._request("PUT", url, start, self._descriptor.size)

    def _patch(self) -> None:
        start = self._arrived
        end = min(self._descriptor.size, start + (self._chunk_bytes or self._descriptor.size))
        answer = self._request("PATCH", self._location, start, end)
        if answer.status in (_NOT_FOUND, _RANGE_NOT_SATISFIABLE):
            raise _StaleError
        if answer.status == _TOO_LARGE and end - start > _FALL_BACK_CHUNK_BYTES:
            self._chunk_bytes = _FALL_BACK_CHUNK_BYTES
            raise _StaleError
        if answer.status not in (_ACCEPTED, _NO_CONTENT, _CREATED):
            raise self._refused(answer)
        self._follow(answer)
        self._arrived = end
        self._advance(end)

    def _request(self, method: str, url: str, start: int, end: int) -> Answer:
        """Send the bytes from `start` to `end` in one request, and return the answer."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(end - start)}
        if method == "PATCH":
            headers["Content-Range"] = f"{start}-{end - 1}"
        ask = Ask(method, url, self._scopes, headers)
        transport = self._registry.transport
        if start == end:
            return transport.send(ask)
        with transport.open(ask, lambda: self._range(start, end)) as response:
            return Answer(response.status, response.headers, response.read(), response.url)

    def _range(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to `end`; the whole blob has been checked before its last byte is given."""
        sha256, position, size = hashlib.sha256(), 0, self._descriptor.size
        for piece in self._blob():
            sha256.update(piece)
            before, position = position, position + len(piece)
            if position > size:
                raise self._damaged()
            if position == size and sha256.hexdigest() != hex_part(self._descriptor.digest):
                raise self._damaged()
            if position > start:
                yield piece[max(0, start - before) : end - before]
                self._advance(min(position, end))
            if position >= end and end < size:
                return
        if position != size:
            raise self._damaged()

    def _damaged(self) -> IntegrityError:
        mend = "remove the image it belongs to, and make or pull it again"
        return IntegrityError(f"blob {self._descriptor.digest} has other content than its digest says", hint=mend)

    def _finish(self, answer: Answer) -> None:
        if answer.status == _NOT_FOUND:
            raise _StaleError
        if answer.status not in (_CREATED, _OK, _NO_CONTENT):
            raise self._refused(answer)
        said = answer.headers.get("Docker-Content-Digest", self._descriptor.digest)
        if said.startswith("sha256:") and said != self._descriptor.digest:
            raise IntegrityError(f"{self._registry.domain} stored {self._descriptor.digest} as {said}")

    def _ask_arrived(self) -> int:
        """Return how many bytes the registry has of this upload."""
        answer = self._registry.transport.send(Ask("GET", self._location, self._scopes))
        if answer.status == _CREATED:
            return self._descriptor.size
        if answer.status not in (_NO_CONTENT, _ACCEPTED):
            raise _StaleError
        self._follow(answer)
        match = _RANGE.fullmatch(answer.headers.get("Range", ""))
        # "0-0" is what distribution says of nothing as well as of one byte.
        arrived = int(match[1]) + 1 if match and int(match[1]) else 0
        if arrived > self._descriptor.size:
            raise _StaleError
        return arrived

    def _follow(self, answer: Answer) -> None:
        """Take the address at which the upload goes on."""
        location = answer.headers.get("Location", "")
        if not location and not self._location:
            raise RegistryError(f"{self._registry.domain} does not say where to upload to")
        try:
            self._location = urljoin(answer.url, location) if location else self._location
            valid = urlsplit(self._location).scheme in ("http", "https") and urlsplit(self._location).port != 0
        except ValueError:
            valid = False
        if not valid:
            raise RegistryError(f"{self._registry.domain} sends uploads to nowhere: `{location[:100]}`")

    def _refused(self, answer: Answer) -> Exception:
        what = f"push to {self._registry.domain}/{self._repository}"
        return refused(answer, what, self._registry.transport.authorizer)
