"""Signatures of CPython's Windows files: PE files carry their own, catalogues (.cat) sign the rest by sha256.

Whoever signed is looked at as well: a file of another publisher is none of CPython's, however well it is signed.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

import msgspec

from brewhouse.errors import HostError, IntegrityError

if TYPE_CHECKING:
    from signify.x509 import Certificate

PE_SUFFIXES = (".dll", ".exe", ".pyd")
_CATALOGUE = ".cat"

# The foundation signs CPython, and Microsoft the C runtime that it comes with.
_PUBLISHERS = ("Python Software Foundation", "Microsoft Corporation")

# The only PE file that nobody signs: a helper of Tcl's own makefiles.
_UNSIGNED_PROGRAMS = frozenset({"tcl/nmake/x86_64-w64-mingw32-nmakehlp.exe"})

# What no catalogue lists in all of 3.8 to 3.13; the sha256 of the whole package holds for it.
_UNLISTED = re.compile(
    r"(include|libs|tcl|Lib/(idlelib|tkinter|turtledemo))/.*|DLLs/[^/]+\.ico|[^/]+\.txt|Lib/(xml|zipfile)/__init__\.py"
    rf"|.*\{_CATALOGUE}"
)

# `\d` alone has oscrypto take 3.0.19 for no version at all. Source: wbond/oscrypto issue 78, mended but not released.
_OSCRYPTO_PATTERN = r"\b(\d\.\d\.\d[a-z]*)\b"
_MENDED_PATTERN = r"\b(\d+\.\d+\.\d+[a-z]*)\b"


class Verified(msgspec.Struct, frozen=True):
    """How many files were signed, listed by a signed catalogue, and neither, which is allowed for a known few."""

    signed: int
    listed: int
    unlisted: int


def verify_files(files: Mapping[str, bytes]) -> Verified:
    """Return what holds for the files of a CPython ("python.exe", "Lib/abc.py"), by path.

    Raises IntegrityError, naming the file, where a signature is missing or wrong and the file is not among those that
    are known to have none; HostError where `signify` is not installed.
    """
    _require_signify()
    listed = _listed_digests(files)
    counts = {"signed": 0, "listed": 0, "unlisted": 0}
    for path, content in sorted(files.items()):
        if path.lower().endswith(PE_SUFFIXES) and path not in _UNSIGNED_PROGRAMS:
            _verify_program(path, content)
            counts["signed"] += 1
        elif hashlib.sha256(content).digest() in listed:
            counts["listed"] += 1
        elif not content or _UNLISTED.fullmatch(path) or path in _UNSIGNED_PROGRAMS:
            counts["unlisted"] += 1
        else:
            raise IntegrityError(f"{path} is in no catalogue that its publisher signed", hint=_MEND)
    return Verified(**counts)


_MEND = "the package was changed after it was signed: fetch it again, from another place"


def _require_signify() -> None:
    try:
        with _mended_oscrypto():
            import signify.authenticode  # noqa: F401 - an extra: most users never need it
    except ImportError as error:
        mend = "pip install 'brewhouse[windows]'"
        raise HostError(f"`{error.name}` is not installed, which verifies Windows files", hint=mend) from error


@contextmanager
def _mended_oscrypto() -> Iterator[None]:
    """Let oscrypto, which signify needs, read the version of today's OpenSSL while it is first imported."""
    search = re.search

    def mended(pattern: str, text: str, flags: int = 0) -> re.Match[str] | None:
        return search(_MENDED_PATTERN if pattern == _OSCRYPTO_PATTERN else pattern, text, flags)

    setattr(re, search.__name__, mended)
    try:
        yield
    finally:
        setattr(re, search.__name__, search)


def _verify_program(path: str, content: bytes) -> None:
    from signify.authenticode.signed_file import SignedPEFile
    from signify.exceptions import SignifyError

    try:
        for _, _, chains in SignedPEFile(BytesIO(content)).verify():
            _check_publisher(path, list(chains))
    except (SignifyError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise IntegrityError(f"{path} has no valid signature: {reason}", hint=_MEND) from error


def _listed_digests(files: Mapping[str, bytes]) -> frozenset[bytes]:
    """Return the sha256 of all files that the signed catalogues among `files` list."""
    from signify.authenticode.signed_file import CtlFile
    from signify.exceptions import SignifyError

    found: set[bytes] = set()
    for path, content in files.items():
        if path.endswith(_CATALOGUE):
            try:
                catalogue = CtlFile.from_envelope(content)
                for _, _, chains in catalogue.verify():
                    _check_publisher(path, list(chains))
            except (SignifyError, ValueError) as error:
                raise IntegrityError(f"{path} has no valid signature: {error}", hint=_MEND) from error
            found |= {subject.indirect_data.digest for subject in catalogue.ctl.subjects if subject.indirect_data}
    return frozenset(found)


def _check_publisher(path: str, chains: "list[list[Certificate]]") -> None:
    names = {chain[-1].subject.dn for chain in chains}
    for name in names:
        if not any(f"O={publisher}" in name.split(", ") for publisher in _PUBLISHERS):
            raise IntegrityError(f"{path} is signed by {name}, which is not who publishes CPython", hint=_MEND)
    if not names:
        raise IntegrityError(f"{path} has a signature that no trusted certificate stands behind", hint=_MEND)
