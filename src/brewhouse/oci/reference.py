"""Image references as Docker's users type them."""

import re

import msgspec

from brewhouse.errors import InputError
from brewhouse.oci.digest import Digest, parse_digest

DEFAULT_DOMAIN = "docker.io"
_OFFICIAL = "library/"
_LONGEST_NAME = 255

# Source: distribution/reference, grammar in reference.go.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_HOST = re.compile(_DOMAIN)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)


class Reference(msgspec.Struct, frozen=True):
    """Where an image is: registry, repository, and a tag, a digest or both.

    "python:3.13" is docker.io, library/python, 3.13; "localhost:5000/x@sha256:..." has a digest and no tag.
    """

    domain: str
    path: str
    tag: str = ""
    digest: Digest | None = None

    @property
    def repository(self) -> str:
        """Return the name as users know it, without tag: "python", "arm64v8/python", "localhost:5000/x"."""
        if self.domain != DEFAULT_DOMAIN:
            return f"{self.domain}/{self.path}"
        return self.path.removeprefix(_OFFICIAL)

    @property
    def full_repository(self) -> str:
        """Return the name as containerd knows it: "docker.io/library/python", "localhost:5000/x"."""
        return f"{self.domain}/{self.path}"

    def __str__(self) -> str:
        """Write the shortest form that is read back as the same reference: "python:3.13"."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return self.repository + tag + digest


def parse_reference(text: str) -> Reference:
    """Return what `text` refers to; without tag and digest the tag is "latest".

    Raises InputError for upper-case repositories, empty parts and unknown characters.
    Source: ParseNormalizedNamed and TagNameOnly of distribution/reference.
    """
    name, _, digest_text = text.partition("@")
    digest = parse_digest(digest_text) if digest_text or text.endswith("@") else None
    name, tag = _split_tag(name)
    domain, path = _split_domain(name)
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = _OFFICIAL + path
    if not _PATH.fullmatch(path) or not _HOST.fullmatch(domain) or len(domain) + len(path) > _LONGEST_NAME:
        mend = "repositories are lower case: a-z, 0-9, and . _ - between them"
        raise InputError(f"`{text}` is not an image reference", hint=f"write NAME[:TAG][@DIGEST]; {mend}")
    if tag is not None and not _TAG.fullmatch(tag):
        raise InputError(f"`{tag}` in `{text}` is not a tag", hint="a tag is up to 128 of A-Z a-z 0-9 _ . -")
    return Reference(domain, path, tag or ("" if digest else "latest"), digest)


def _split_tag(name: str) -> tuple[str, str | None]:
    """Return name and tag of "localhost:5000/x:1"; a colon before a slash belongs to the port."""
    head, colon, tail = name.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (name, None)


def _split_domain(name: str) -> tuple[str, str]:
    """Return registry and path; a first part is a registry if it has a dot, a port, or is localhost."""
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first.lower() != first):
        return ("docker.io" if first == "index.docker.io" else first), rest
    return DEFAULT_DOMAIN, name
