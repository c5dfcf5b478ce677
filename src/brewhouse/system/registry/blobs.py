"""Blobs of a registry: whether they are there, and their bytes, gone on with where a connection broke off."""

import hashlib
from collections.abc import Iterator

from brewhouse.errors import InputError, IntegrityError, RegistryError
from brewhouse.oci.digest import Digest, hex_part
from brewhouse.oci.document import Descriptor
from brewhouse.system.registry.challenge import repository_scope
from brewhouse.system.registry.client import Registry
from brewhouse.system.registry.connection import Response
from brewhouse.system.registry.transport import Answer, Ask, refused
from brewhouse.system.registry.wire import Patience, TemporaryError

_OK, _PARTIAL, _ACCEPTED = 200, 206, 202
_NOT_FOUND, _METHOD_NOT_ALLOWED, _RANGE_NOT_SATISFIABLE = 404, 405, 416


def has_blob(registry: Registry, repository: str, digest: Digest) -> bool:
    """Tell whether a repository has a blob."""
    answer = registry.transport.send(Ask("HEAD", blob_url(repository, digest), _pull(repository)))
    if answer.status not in (_OK, _NOT_FOUND):
        what = f"{registry.domain}/{repository}@{digest}"
        raise refused(answer, what, registry.transport.authorizer)
    return answer.status == _OK


def delete_blob(registry: Registry, repository: str, digest: Digest) -> None:
    """Delete a blob; raises InputError where it is not there."""
    scopes = (repository_scope(repository, "delete", "pull"),)
    answer = registry.transport.send(Ask("DELETE", blob_url(repository, digest), scopes))
    what = f"{registry.domain}/{repository}@{digest}"
    if answer.status == _NOT_FOUND:
        raise InputError(f"{what} is not there")
    if answer.status == _METHOD_NOT_ALLOWED:
        raise RegistryError(f"{registry.domain} does not delete", hint="its owner must allow it in its configuration")
    if answer.status not in (_OK, _ACCEPTED):
        raise refused(answer, what, registry.transport.authorizer)


def checked_blob(registry: Registry, repository: str, digest: Digest) -> Iterator[bytes]:
    """Yield a blob whose size only the registry knows; raises IntegrityError where it is not the one of the digest."""
    answer = registry.transport.send(Ask("HEAD", blob_url(repository, digest), _pull(repository)))
    what = f"{registry.domain}/{repository}@{digest}"
    if answer.status == _NOT_FOUND:
        raise InputError(f"{what} is not there")
    if answer.status != _OK:
        raise refused(answer, what, registry.transport.authorizer)
    length = answer.headers.get("Content-Length", "")
    if not length.isdecimal():
        raise RegistryError(f"{registry.domain} does not say how large {digest} is")
    sha256 = hashlib.sha256()
    for piece in blob_bytes(registry, repository, Descriptor("", digest, int(length))):
        sha256.update(piece)
        yield piece
    if sha256.hexdigest() != hex_part(digest):
        raise IntegrityError(f"{what} came with other bytes than its digest says")


def blob_bytes(registry: Registry, repository: str, descriptor: Descriptor, start: int = 0) -> Iterator[bytes]:
    """Yield a blob from byte `start` on, up to one byte more than it should have; the caller checks what comes.

    A connection that ends early is followed by another that goes on behind it. Raises InputError where the blob is not
    there, RegistryError where no try helped.
    """
    patience = Patience(registry.transport.pauses_seconds)
    done = start
    while done < descriptor.size:
        before = done
        try:
            for piece in _try(registry, repository, descriptor, done):
                done += len(piece)
                yield piece
        except TemporaryError as error:
            patience.wait(error, progress=done > before)
        else:
            if done < descriptor.size:
                short = TemporaryError(f"{registry.domain} ended after {done} of {descriptor.size} bytes")
                patience.wait(short, progress=done > before)


def _try(registry: Registry, repository: str, descriptor: Descriptor, done: int) -> Iterator[bytes]:
    """Yield what one request brings behind the first `done` bytes."""
    headers = {"Range": f"bytes={done}-"} if done else {}
    ask = Ask("GET", blob_url(repository, descriptor.digest), _pull(repository), headers)
    with registry.transport.open(ask) as response:
        skip = _skip(registry, repository, descriptor, response, done)
        left = descriptor.size - done + 1
        for piece in response.pieces():
            wanted = piece[skip:] if skip else piece
            skip = max(0, skip - len(piece))
            if wanted:
                yield wanted[:left]
                left -= len(wanted)
            if left <= 0:
                return


def _skip(registry: Registry, repository: str, descriptor: Descriptor, response: Response, done: int) -> int:
    """Return how many bytes of the answer are known already: a server need not heed ranges."""
    status = response.status
    if status == _OK:
        return done
    if status == _PARTIAL and response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
        return 0
    if status in (_PARTIAL, _RANGE_NOT_SATISFIABLE):
        raise TemporaryError(f"{registry.domain} sent another range than the one from byte {done} on")
    what = f"{registry.domain}/{repository}@{descriptor.digest}"
    if status == _NOT_FOUND:
        raise InputError(f"{what} is not there", hint="the image is incomplete in the registry: push it again")
    answer = Answer(status, response.headers, response.read(), response.url)
    raise refused(answer, what, registry.transport.authorizer)


def blob_url(repository: str, digest: Digest) -> str:
    """Return the path of a blob."""
    return f"/v2/{repository}/blobs/{digest}"


def _pull(repository: str) -> tuple[str, ...]:
    return (repository_scope(repository, "pull"),)
