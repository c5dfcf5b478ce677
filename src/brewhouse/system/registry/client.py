"""One registry's documents and lists: manifests, tags, referrers. Its blobs are in `blobs` and `upload`.

Source: distribution-spec 1.1, spec.md.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from brewhouse.errors import InputError, IntegrityError, RegistryError
from brewhouse.oci.digest import Digest, digest_of, hex_part, parse_digest
from brewhouse.oci.document import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEX,
    LARGEST_DOCUMENT_BYTES,
    MANIFEST,
    Descriptor,
    Index,
    read_document,
    write_document,
)
from brewhouse.system.registry.challenge import repository_scope
from brewhouse.system.registry.transport import Answer, Ask, Transport, refused

# Docker's first manifests: no digests of configs, signatures in the document. No registry of today takes them.
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"
SCHEMA_1 = frozenset({f"{_SCHEMA_1}+json", f"{_SCHEMA_1}+prettyjws"})
_ACCEPT = ", ".join([INDEX, MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST, *sorted(SCHEMA_1), "*/*"])
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')
_NOT_FOUND, _METHOD_NOT_ALLOWED = 404, 405
_OK, _CREATED, _ACCEPTED = 200, 201, 202
_PAGE = 1000
# An end to pages that link to each other.
_MOST_PAGES = 1000


class Fetched(msgspec.Struct, frozen=True):
    """A manifest or index as it came: what it is, and its bytes."""

    descriptor: Descriptor
    raw: bytes


class _Tags(msgspec.Struct, frozen=True):
    tags: tuple[str, ...] | None = None


class _MediaType(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str = ""
    schema_version: int = 0
    subject: Descriptor | None = None


class Registry:
    """One registry; `repository` is everywhere the name without the registry: "library/python"."""

    def __init__(self, transport: Transport, chunk_bytes: int = 0) -> None:
        """Speak through `transport`; blobs are uploaded in pieces of `chunk_bytes`, 0 for whole."""
        self.transport = transport
        self.chunk_bytes = chunk_bytes
        self.domain = transport.domain

    def ping(self) -> None:
        """Ask whether the registry believes who we are; raises InputError where it does not."""
        answer = self.transport.send(Ask("GET", "/v2/"))
        if answer.status != _OK:
            raise refused(answer, self.domain, self.transport.authorizer)

    def fetch(self, repository: str, name: str) -> Fetched:
        """Return the manifest or index with a tag or digest, its bytes checked against the digest.

        Raises InputError where there is none, or it is of schema 1; IntegrityError where the bytes are others.
        """
        what = self._what(repository, name)
        answer = self._ask_manifest("GET", repository, name)
        if answer.status != _OK:
            raise self._missing(answer, what, repository)
        digest = digest_of(answer.body)
        for expected in (name, answer.headers.get("Docker-Content-Digest", "")):
            if expected.startswith("sha256:") and expected != digest:
                raise IntegrityError(f"{what} came with other bytes than its digest says: {digest}")
        media_type = _media_type(answer, what)
        return Fetched(Descriptor(media_type, digest, len(answer.body)), answer.body)

    def head(self, repository: str, name: str) -> Digest | None:
        """Return the digest of what a tag or digest stands for, or nothing where there is none."""
        answer = self._ask_manifest("HEAD", repository, name)
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != _OK:
            raise refused(answer, self._what(repository, name), self.transport.authorizer)
        digest = answer.headers.get("Docker-Content-Digest", "")
        # The header is optional: without it the digest is that of the bytes.
        return parse_digest(digest) if digest else self.fetch(repository, name).descriptor.digest

    def put(self, repository: str, name: str, media_type: str, raw: bytes) -> Digest:
        """Store a manifest or index under a tag or its digest; a subject's list of referrers is kept up to date."""
        what = self._what(repository, name)
        ask = Ask("PUT", _manifest(repository, name), _push(repository), {"Content-Type": media_type}, raw)
        answer = self.transport.send(ask)
        if answer.status not in (_OK, _CREATED, _ACCEPTED):
            raise refused(answer, f"push of {what}", self.transport.authorizer)
        digest = digest_of(raw)
        said = answer.headers.get("Docker-Content-Digest", digest)
        if said.startswith("sha256:") and said != digest:
            raise IntegrityError(f"{what} was stored as {said}, not as {digest}")
        if "OCI-Subject" not in answer.headers:
            self._note_referrer(repository, media_type, raw)
        return digest

    def delete(self, repository: str, name: str) -> None:
        """Delete a manifest by digest, or a tag; raises InputError where it is not there or cannot be deleted."""
        what = self._what(repository, name)
        answer = self.transport.send(Ask("DELETE", _manifest(repository, name), _delete(repository)))
        if answer.status == _METHOD_NOT_ALLOWED or "UNSUPPORTED" in answer.body.decode("utf-8", "replace"):
            raise RegistryError(f"{self.domain} does not delete", hint="its owner must allow it in its configuration")
        if answer.status not in (_OK, _ACCEPTED):
            raise self._missing(answer, what, repository)

    def tags(self, repository: str) -> Iterator[str]:
        """Yield all tags of a repository, page by page, in the registry's order."""
        url = f"/v2/{repository}/tags/list?n={_PAGE}"
        for _ in range(_MOST_PAGES):
            answer = self.transport.send(Ask("GET", url, _pull(repository)), LARGEST_DOCUMENT_BYTES)
            if answer.status == _NOT_FOUND:
                mend = "check the spelling; a repository begins with the first push to it"
                raise InputError(f"{self.domain}/{repository} is not there", hint=mend)
            if answer.status != _OK:
                raise refused(answer, f"{self.domain}/{repository}", self.transport.authorizer)
            try:
                yield from msgspec.json.decode(answer.body, type=_Tags).tags or ()
            except (msgspec.DecodeError, RecursionError) as error:
                raise RegistryError(f"{self.domain} sent what is no list of tags: {error}") from error
            link = _NEXT.search(answer.headers.get("Link", ""))
            if link is None:
                return
            # The host in a link is not heeded: proxies in front of registries make wrong ones.
            url = urlsplit(urljoin(answer.url, link[1]))._replace(scheme="", netloc="", fragment="").geturl()
        raise RegistryError(f"{self.domain} has more than {_MOST_PAGES} pages of tags")

    def referrers(self, repository: str, subject: Digest) -> tuple[Descriptor, ...]:
        """Return what refers to a manifest (signatures, SBOMs), from the API or from the fall-back tag.

        Source: distribution-spec 1.1, "Listing Referrers" and "Unavailable Referrers API".
        """
        url = f"/v2/{repository}/referrers/{subject}"
        answer = self.transport.send(Ask("GET", url, _pull(repository)), LARGEST_DOCUMENT_BYTES)
        if answer.status == _OK:
            return read_document(answer.body, Index, f"the referrers of {subject}").value.manifests
        return self._fall_back(repository, subject)

    def _fall_back(self, repository: str, subject: Digest) -> tuple[Descriptor, ...]:
        answer = self._ask_manifest("GET", repository, _fall_back_tag(subject))
        if answer.status == _NOT_FOUND:
            return ()
        if answer.status != _OK:
            raise refused(answer, self._what(repository, str(subject)), self.transport.authorizer)
        return read_document(answer.body, Index, f"the referrers of {subject}").value.manifests

    def _note_referrer(self, repository: str, media_type: str, raw: bytes) -> None:
        """Add a manifest to its subject's fall-back tag, where the registry does not keep the list itself."""
        about = _about(raw)
        if about is None or about.subject is None:
            return
        subject = parse_digest(about.subject.digest)
        own = referrer_descriptor(media_type, raw)
        known = self._fall_back(repository, subject)
        if all(entry.digest != own.digest for entry in known):
            index = write_document(Index(2, (*known, own), media_type=INDEX))
            self.put(repository, _fall_back_tag(subject), INDEX, index.raw)

    def _ask_manifest(self, method: str, repository: str, name: str) -> Answer:
        ask = Ask(method, _manifest(repository, name), _pull(repository), {"Accept": _ACCEPT})
        return self.transport.send(ask, LARGEST_DOCUMENT_BYTES)

    def _what(self, repository: str, name: str) -> str:
        mark = "@" if name.startswith("sha256:") else ":"
        return f"{self.domain}/{repository}{mark}{name}"

    def _missing(self, answer: Answer, what: str, repository: str) -> InputError | RegistryError:
        if answer.status == _NOT_FOUND:
            mend = f"see what there is: brewhouse registry tags {self.domain}/{repository}"
            return InputError(f"{what} is not there", hint=mend)
        error = refused(answer, what, self.transport.authorizer)
        return error if isinstance(error, InputError) else RegistryError(error.message, hint=error.hint)


class _Referrer(msgspec.Struct, frozen=True, rename="camel"):
    artifact_type: str = ""
    annotations: dict[str, str] = {}
    config: Descriptor | None = None


def referrer_descriptor(media_type: str, raw: bytes) -> Descriptor:
    """Return how a list of referrers names a manifest: with its artifact type and annotations.

    Source: distribution-spec 1.1, "Pushing Manifests with Subject".
    """
    try:
        found = msgspec.json.decode(raw, type=_Referrer)
    except (msgspec.DecodeError, RecursionError):
        found = _Referrer()
    kind = found.artifact_type or (found.config.media_type if found.config else "")
    return Descriptor(media_type, digest_of(raw), len(raw), annotations=found.annotations, artifact_type=kind)


def _media_type(answer: Answer, what: str) -> str:
    """Return what a document says it is, or else what the header says; raises InputError for schema 1."""
    header = answer.headers.get("Content-Type", "").partition(";")[0].strip()
    about = _about(answer.body)
    if header in SCHEMA_1 or (about and about.schema_version == 1):
        mend = "it is older than 2017: push it anew with any Docker since 1.10"
        raise InputError(f"{what} has a manifest of schema 1, which cannot be checked", hint=mend)
    if about is None:
        raise InputError(f"{what} is no manifest: it is not JSON of its kind")
    return about.media_type or header


def _about(raw: bytes) -> _MediaType | None:
    try:
        return msgspec.json.decode(raw, type=_MediaType)
    except (msgspec.DecodeError, RecursionError):
        return None


def _manifest(repository: str, name: str) -> str:
    return f"/v2/{repository}/manifests/{quote(name, safe=':')}"


def _fall_back_tag(subject: Digest) -> str:
    return f"sha256-{hex_part(subject)}"


def _pull(repository: str) -> tuple[str, ...]:
    return (repository_scope(repository, "pull"),)


def _push(repository: str) -> tuple[str, ...]:
    return (repository_scope(repository, "pull", "push"),)


def _delete(repository: str) -> tuple[str, ...]:
    return (repository_scope(repository, "delete", "pull"),)
