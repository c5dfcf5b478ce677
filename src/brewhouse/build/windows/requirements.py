r"""What `pip install` is asked for, as far as it can be done without Windows: names, and files of names; pure.

Known is what names a release of a package index. What names anything else (a folder, a URL, a repository, another
file) would have to be built, or read where nobody has looked.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

from brewhouse.errors import InputError

_OPTIONS = frozenset({"--no-cache-dir", "--disable-pip-version-check"})
_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)[ \t]*(?:\[[A-Za-z0-9._, \t-]*\])?")
_RELEASES = re.compile(r"[ \t]*\(?[A-Za-z0-9.*+!<>=~, \t-]*\)?")
_HASH = re.compile(r"[ \t]+--hash[= ]sha256:([0-9a-f]{64})")
_COMMENT = re.compile(r"(^|[ \t])#.*$")
_MEND = "have Wine do it: leave out --wine off and --cross-pip"


class Asked(msgspec.Struct, frozen=True):
    """The words of one `pip install`: requirements, and files of more."""

    requirements: tuple[str, ...]
    files: tuple[str, ...]


class Requirement(msgspec.Struct, frozen=True):
    """One line of a requirements file: "tqdm>=4; python_version > '3.8'", and the sha256 that it allows, if any."""

    name: str
    text: str
    sha256: frozenset[str] = frozenset()


def parse_install(words: Sequence[str]) -> Asked | None:
    """Return what `pip install [--no-cache-dir] [-r FILE] [NAME...]` asks for, nothing for any other command."""
    if tuple(words[:2]) != ("pip", "install"):
        return None
    requirements, files = list[str](), list[str]()
    left = iter(words[2:])
    for word in left:
        if word in ("-r", "--requirement"):
            files.append(next(left, ""))
        elif word.startswith("--requirement="):
            files.append(word.partition("=")[2])
        elif word.startswith("-") and word not in _OPTIONS:
            return None
        elif word not in _OPTIONS:
            requirements.append(word)
    return Asked(tuple(requirements), tuple(files)) if all(files) and (files or requirements) else None


def parse_requirements(text: str, name: str) -> list[Requirement]:
    """Return the lines of the requirements file `name`; raises InputError for one that is not of a package index."""
    return [parse_requirement(line, name) for line in _lines(text)]


def parse_requirement(line: str, where: str) -> Requirement:
    """Return one requirement; raises InputError for what does not name releases of a package index."""
    digests = frozenset(found[1] for found in _HASH.finditer(line))
    text = _HASH.sub("", line).strip()
    wanted = text.partition(";")[0]
    found = _NAME.match(wanted)
    if not found or not _RELEASES.fullmatch(wanted[found.end() :]) or " --" in text:
        problem = f"`{line.strip()}` in {where} cannot be installed without Windows"
        raise InputError(f"{problem}: only names and releases of packages can", hint=_MEND)
    return Requirement(canonical(found[1]), text, digests)


def canonical(name: str) -> str:
    """Return the name of a package as indexes compare it: "Flask_SQLAlchemy" is "flask-sqlalchemy"."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _lines(text: str) -> Iterator[str]:
    """Yield the lines with something in them, joined where one ends in a backslash, without comments."""
    for line in re.sub(r"\\\r?\n", " ", text.removeprefix("\ufeff")).splitlines():
        bare = _COMMENT.sub("", line).strip()
        if bare:
            yield bare
