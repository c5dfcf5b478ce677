"""The library files of a folder, and what a user's argument names among them.

Source: manifest/fetch.go of docker-library/bashbrew.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from brewhouse.errors import InputError
from brewhouse.library import entries_with_tag
from brewhouse.model import Entry, Library
from brewhouse.tag.read import read_library


class Choice(msgspec.Struct, frozen=True):
    """A library file, or the entries of it that have `tag`."""

    library: Library
    tag: str = ""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Return what is chosen: the entry with the tag, all that share it, or all of the file."""
        return entries_with_tag(self.library, self.tag) if self.tag else self.library.entries


class LibraryFolder:
    """A folder of library files, each read once."""

    def __init__(self, root: Path, *, clean_directories: bool = True) -> None:
        """Name the folder, which need not exist, and how directories in its files are read."""
        self.root = root
        self._clean_directories = clean_directories
        self._known: dict[Path, Library] = {}

    def names(self) -> list[str]:
        """Return the names of all files, sorted; hidden ones are left out."""
        if not self.root.is_dir():
            raise InputError(f"there is no folder {self.root}", hint="name the library folder with --library")
        return sorted(path.name for path in self.root.iterdir() if path.is_file() and not path.name.startswith("."))

    def all(self) -> list[Library]:
        """Return all library files, sorted by name."""
        return [self.read(self.root / name) for name in self.names()]

    def get(self, name: str) -> Library | None:
        """Return the library file called `name`, or nothing where there is none."""
        path = self.root / name
        return self.read(path) if path.is_file() else None

    def readable(self, names: Iterable[str]) -> Iterator[Library]:
        """Yield those library files that are there and right; what is wrong with others is told by `need`."""
        for name in names:
            try:
                yield self.need(name)
            except InputError:
                continue

    def need(self, name: str) -> Library:
        """Return the library file called `name`; raises InputError where there is none."""
        library = self.get(name)
        if library is None:
            raise not_found(name, self)
        return library

    def read(self, path: Path) -> Library:
        """Return the library file at `path`, named after it; raises InputError where it cannot be read."""
        if path not in self._known:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise InputError(f"{path} cannot be read: {error.strerror}") from None
            self._known[path] = read_library(
                content, path.name, where=str(path), clean_directories=self._clean_directories
            )
        return self._known[path]


def find_choice(argument: str, folder: LibraryFolder, download: Callable[[str], bytes]) -> Choice:
    """Return what `argument` names: a URL, a path, or a file of the folder, each with `:tag` or without.

    Raises InputError where there is no such file or tag.
    """
    head, slash, base = argument.rpartition("/")
    name, _, tag = base.partition(":")
    place = head + slash + name
    if argument.startswith(("http://", "https://")):
        library = read_library(download(place), name, where=place)
    else:
        found = next((path for path in candidates(place, folder) if path.is_file()), None)
        if found is None:
            raise not_found(place, folder)
        library = folder.read(found)
    if tag and not entries_with_tag(library, tag):
        close = difflib.get_close_matches(tag, all_tags(library), n=3)
        hint = f"there is `{'`, `'.join(close)}`" if close else f"see: brewhouse library list {place}"
        raise InputError(f"`{name}` has no tag `{tag}`", hint=hint)
    return Choice(library, tag)


def candidates(place: str, folder: LibraryFolder) -> Iterator[Path]:
    """Yield where a library file may lie: at the path, if it looks like one, then in the folder."""
    if "/" in place:
        yield Path(place)
    yield folder.root / place


def not_found(place: str, folder: LibraryFolder) -> InputError:
    """Return the error for a library file that is nowhere, with names that are alike."""
    names = folder.names() if folder.root.is_dir() else []
    close = difflib.get_close_matches(place, names, n=3)
    hint = f"there is `{'`, `'.join(close)}`" if close else "name the folder with --library, or give a path or a URL"
    return InputError(f"there is no library file `{place}` (looked in {folder.root})", hint=hint)


def all_tags(library: Library) -> list[str]:
    """Return every simple and shared tag, in file order."""
    return [tag for entry in library.entries for tag in (*entry.tags, *entry.shared_tags)]
