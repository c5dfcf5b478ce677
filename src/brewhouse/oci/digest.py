"""The digest: what names every blob."""

import hashlib
import re
from typing import NewType

from brewhouse.errors import InputError

Digest = NewType("Digest", str)

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


def parse_digest(text: str) -> Digest:
    """Return `text` as a digest: "sha256:" and 64 lower-case hexadecimal digits.

    Raises InputError for anything else; sha512 is legal in OCI and used by no registry we publish to.
    Source: image-spec descriptor.md, "Digests".
    """
    if not _SHA256.fullmatch(text):
        raise InputError(f"`{text[:80]}` is not a sha256 digest", hint="write `sha256:` and 64 lower-case hex digits")
    return Digest(text)


def digest_of(content: bytes) -> Digest:
    """Return the digest of `content`."""
    return Digest("sha256:" + hashlib.sha256(content).hexdigest())


def hex_part(digest: Digest) -> str:
    """Return the 64 digits behind the algorithm's name."""
    return digest.removeprefix("sha256:")


def short_id(digest: Digest) -> str:
    """Return the 12 digits that listings show, as Docker does."""
    return hex_part(digest)[:12]
