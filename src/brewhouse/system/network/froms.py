"""What the entries of library files are built from: read in their Dockerfiles through git, or in a file of facts."""

import posixpath
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from brewhouse.dockerfile.froms import SCRATCH, Froms, read_froms
from brewhouse.errors import BrewError, InputError
from brewhouse.library import dockerfile_path, source_of
from brewhouse.model import Entry, Library
from brewhouse.oci.platform import Arch
from brewhouse.system.network.git import GitCache, GitFile

_OCI_IMPORT = "oci-import"


class FromsOf(Protocol):
    """Answers what an entry's Dockerfile for one architecture is built from."""

    def prepare(self, libraries: Iterable[Library]) -> None:
        """Get all that may be asked about `libraries` at once; what cannot be had is told when it is asked for."""

    def froms(self, library: Library, entry: Entry, arch: Arch) -> Froms:
        """Return what the Dockerfile names; raises FetchError where it cannot be had."""


class GitFroms:
    """Reads Dockerfiles at the commits that library files pin."""

    def __init__(self, cache: GitCache) -> None:
        """Read through `cache`."""
        self._cache = cache
        self._known: dict[GitFile, Froms | BrewError] = {}

    def prepare(self, libraries: Iterable[Library]) -> None:
        """Read the Dockerfiles of all entries and architectures that were not read yet."""
        files = {
            file: None
            for library in libraries
            for entry in library.entries
            for arch in entry.architectures
            if (file := dockerfile_of(entry, arch)) and file not in self._known
        }
        for file, content in self._cache.read_files(files).items():
            self._known[file] = (
                content if isinstance(content, BrewError) else read_froms(content.decode(errors="replace"))
            )

    def froms(self, library: Library, entry: Entry, arch: Arch) -> Froms:
        """Return what the Dockerfile names; the whole library file is asked for at the first question."""
        file = dockerfile_of(entry, arch)
        if file is None:
            return SCRATCH
        if file not in self._known:
            self.prepare([library])
        known = self._known[file]
        if isinstance(known, BrewError):
            raise known
        return known


def dockerfile_of(entry: Entry, arch: Arch) -> GitFile | None:
    """Return where the Dockerfile is, or nothing for an image that is imported and has none."""
    source = source_of(entry, arch)
    if source.builder == _OCI_IMPORT:
        return None
    path = posixpath.normpath(dockerfile_path(source))
    return GitFile(source.git_repo, source.git_fetch, source.git_commit, path)


class FactFroms:
    """Answers from a file of facts; a tag that it lacks is built from nothing that matters."""

    def __init__(self, facts: Mapping[str, tuple[str, ...]]) -> None:
        """Take the images for each "repo:first-tag", in the order of the Dockerfile's stages."""
        self._facts = facts

    def prepare(self, libraries: Iterable[Library]) -> None:
        """Do nothing: all is known."""

    def froms(self, library: Library, entry: Entry, arch: Arch) -> Froms:  # noqa: ARG002 - the facts are of all
        """Return what the facts say, or no image at all but an unnamed stage."""
        images = self._facts.get(f"{library.name}:{entry.tags[0]}", ("",))
        return Froms(images, tuple(image for image in images if image))


class _FactFile(msgspec.Struct):
    """The shape of a file of facts; other members are remarks."""

    froms: dict[str, str | list[str]]


def read_facts(path: Path) -> FactFroms:
    """Return the facts of a JSON file: {"froms": {"python:3.14.7-trixie": "buildpack-deps:trixie"}}.

    A value is one image, or a list in the order of the Dockerfile's stages, the last stage's last.
    """
    try:
        facts = msgspec.json.decode(path.read_bytes(), type=_FactFile)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        hint = 'write {"froms": {"repo:first-tag": "image:tag"}}'
        raise InputError(f"{path} is not a file of FROM values: {error}", hint=hint) from None
    return FactFroms(
        {name: (value,) if isinstance(value, str) else tuple(value) for name, value in facts.froms.items()}
    )


def open_froms(facts: Path | None, cache: Path, environment: Mapping[str, str]) -> FromsOf:
    """Return answers from the file `facts`, or through git with partial clones below `cache`."""
    return read_facts(facts) if facts else GitFroms(GitCache(cache, environment))
