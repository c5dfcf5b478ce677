"""The Debian mirrors that this machine's apt configuration names."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from brewhouse.errors import InputError

APT_FOLDER = Path("/etc/apt")

_SCHEMES = ("http://", "https://", "file:")
# Debian's suites by codename and by alias, with the pockets that follow a hyphen or a slash.
_SUITE = re.compile(
    r"(buster|bullseye|bookworm|trixie|forky|duke|sid|experimental|rc-buggy|oldoldstable|oldstable|stable|testing|unstable)"
    r"(?P<pocket>[-/][a-z-]+)?"
)
_OPTIONS = re.compile(r"\[[^\]]*\]")


class Mirror(msgspec.Struct, frozen=True):
    """Where Debian's packages come from, without slashes at the end: the archive, and the security archive."""

    archive: str
    security: str


class Source(msgspec.Struct, frozen=True):
    """One place of packages: "http://mirror/debian", "trixie-updates"."""

    uri: str
    suite: str


def named_mirror(uri: str) -> Mirror:
    """Return the mirror that `--mirror` names: ".../debian", and beside it ".../debian-security".

    Raises InputError for what is no URL that apt reads packages from.
    """
    uri = uri.rstrip("/")
    if not uri.startswith(_SCHEMES):
        raise InputError(f"`{uri}` is not a mirror", hint="write its URL: http://HOST/debian")
    return Mirror(uri, f"{uri.removesuffix('-security')}-security")


def machine_mirror(folder: Path = APT_FOLDER) -> Mirror:
    """Return the mirror that the sources in `folder` name; raises InputError where they name none of Debian.

    A machine without a security source gets the archive beside the main one.
    """
    archive = security = ""
    for source in _machine_sources(folder):
        suite = _SUITE.fullmatch(source.suite)
        if not suite or not source.uri.startswith(_SCHEMES):
            continue
        if suite["pocket"] in ("-security", "/updates"):
            security = security or source.uri
        else:
            archive = archive or source.uri
    if not archive:
        mend = "name one: --mirror http://HOST/debian"
        raise InputError(f"the apt sources in {folder} name no mirror of Debian", hint=mend)
    return Mirror(archive, security or named_mirror(archive).security)


def _machine_sources(folder: Path) -> Iterator[Source]:
    """Yield all sources in the order in which apt reads them.

    Source: sources.list(5).
    """
    parts = sorted((folder / "sources.list.d").glob("*"))
    for path in (folder / "sources.list", *parts):
        if path.suffix in (".list", ".sources") and path.is_file():
            text = path.read_text("utf-8", "replace")
            yield from read_deb822(text) if path.suffix == ".sources" else read_one_line(text)


def read_one_line(text: str) -> Iterator[Source]:
    """Yield the package sources of a `.list` file: "deb [arch=amd64] http://mirror/debian trixie main"."""
    for line in text.splitlines():
        kind, *words = _OPTIONS.sub(" ", line.partition("#")[0]).split() or [""]
        if kind == "deb" and len(words) > 1:
            yield Source(words[0].rstrip("/"), words[1])


def read_deb822(text: str) -> Iterator[Source]:
    """Yield the package sources of a `.sources` file: stanzas of Types, URIs, Suites; `Enabled: no` takes one out."""
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", []) or fields.get("enabled", ["yes"])[0].lower() in ("no", "false", "0"):
            continue
        for uri in fields.get("uris", []):
            for suite in fields.get("suites", []):
                yield Source(uri.rstrip("/"), suite)


def _fields(stanza: str) -> dict[str, list[str]]:
    """Return the words of each field; comments may stand between the lines of one."""
    fields: dict[str, list[str]] = {}
    words: list[str] = []
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            words.extend(line.split())
            continue
        name, _, value = line.partition(":")
        words = fields[name.strip().lower()] = value.split()
    return fields
