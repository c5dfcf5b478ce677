"""Which files a COPY or ADD means: wildcards, .dockerignore, --exclude and --parents resolved against a tree.

Source: ResolveWildcards and copier.copy of tonistiigi/fsutil.
"""

import hashlib
import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from brewhouse.build.files.status import Status, kept_status
from brewhouse.dockerfile.dockerignore import Ignore
from brewhouse.dockerfile.match import match
from brewhouse.errors import InputError
from brewhouse.system.confine import follow
from brewhouse.system.folders import check_depth

Test = Callable[[str], bool]


class Tree(msgspec.Struct, frozen=True):
    """A folder that files are taken from, as the root of all paths, without what `ignore` matches."""

    root: Path
    ignore: Ignore | None = None


class Choice(msgspec.Struct, frozen=True):
    """What of a source folder is wanted, by names relative to it; None is no limit."""

    included: Test | None = None
    excluded: Test | None = None


class Item(msgspec.Struct, frozen=True):
    """One thing to be copied: `source` is its path on disk, `name` is below the destination, "" the source itself.

    `only_parent` marks a folder that is there just because something below it is wanted.
    """

    source: str
    name: str
    status: Status
    only_parent: bool = False


def has_wildcard(text: str) -> bool:
    """Tell whether `text` has a wildcard of filepath.Match that is not escaped."""
    escaped = False
    for character in text:
        if character in "*?[" and not escaped:
            return True
        escaped = character == "\\" and not escaped
    return False


def clean_source(pattern: str) -> str:
    """Return a source as a path below the tree's root: "../a/./b/" is "a/b", "/" is ""."""
    return posixpath.normpath("/" + pattern).lstrip("/")


def find_sources(tree: Tree, patterns: Sequence[str]) -> list[list[str]]:
    """Return for each pattern the paths that it means, relative to the tree's root; a wildcard may mean none.

    Raises InputError for plain paths, and folders of wildcards, that are not there, all of them at once.
    """
    found = [_find(tree, clean_source(pattern)) for pattern in patterns]
    missing = [f'"/{clean_source(pattern)}"' for pattern, paths in zip(patterns, found, strict=True) if paths is None]
    if missing:
        raise InputError(f"{', '.join(missing)}: not found", hint="check the path, and .dockerignore")
    return [paths for paths in found if paths is not None]


def _find(tree: Tree, pattern: str) -> list[str] | None:
    if not has_wildcard(pattern):
        return [pattern] if _reach(tree, pattern) else None
    parts = pattern.split("/")
    plain = next(index for index, part in enumerate(parts) if has_wildcard(part))
    start = _reach(tree, "/".join(parts[:plain]))
    if start is None:
        return None
    found = _glob(start, parts[plain:]) if start.is_dir() else []
    names = [(path, _name(tree, path)) for path in found]
    return [name for path, name in names if _is_visible(tree, str(path), name)]


def _reach(tree: Tree, path: str) -> Path | None:
    """Return where `path` is, links followed; None where it, or a link on the way, is not there or not seen."""
    place, links = follow(tree.root, path)
    if not os.path.lexists(place):
        return None
    return place if all(_is_visible(tree, str(passed), _name(tree, passed)) for passed in (*links, place)) else None


def select(tree: Tree, source: str, choice: Choice) -> list[Item]:
    """Return what is to be copied of one source, folders before their contents, sorted by name.

    A link as source is followed inside the tree; links below a folder are copied as links. Raises InputError for a link
    that leads to nothing, which a wildcard may find.
    """
    start = _reach(tree, source)
    if start is None:
        raise InputError(f'"/{source}": not found', hint="it is a link to what is not there")
    status = kept_status(start.lstat())
    if not stat.S_ISDIR(status.st_mode):
        name = posixpath.basename(source)
        return [] if choice.excluded and choice.excluded(name) else [Item(str(start), "", status)]
    walk = _Walk(tree, choice, _name(tree, start))
    return [Item(str(start), "", status), *walk.below(str(start), "")]


class _Walk:
    """A walk that yields a folder that is not itself wanted only when something below it is."""

    def __init__(self, tree: Tree, choice: Choice, start: str) -> None:
        self._tree = tree
        self._choice = choice
        self._prefix = f"{start}/" if start else ""
        self._waiting: list[Item] = []

    def below(self, folder: str, prefix: str) -> Iterator[Item]:
        """Yield what is wanted in `folder`."""
        for entry in _sorted(folder):
            name = prefix + entry.name
            if self._tree.ignore and not _is_visible(self._tree, entry.path, self._prefix + name):
                continue
            item = Item(entry.path, name, kept_status(entry.stat(follow_symlinks=False)))
            wanted = self._wants(name)
            if wanted:
                yield from self._parents()
                yield item
            if entry.is_dir(follow_symlinks=False):
                yield from self._descend(item, waits=not wanted)

    def _descend(self, item: Item, *, waits: bool) -> Iterator[Item]:
        if waits:
            self._waiting.append(msgspec.structs.replace(item, only_parent=True))
        depth = len(self._waiting)
        check_depth(item.name.count("/"), "what is to be copied", item.name)
        yield from self.below(item.source, item.name + "/")
        if waits and len(self._waiting) == depth:
            self._waiting.pop()

    def _parents(self) -> Iterator[Item]:
        waiting, self._waiting = self._waiting, []
        yield from waiting

    def _wants(self, name: str) -> bool:
        if self._choice.excluded and self._choice.excluded(name):
            return False
        return self._choice.included is None or self._choice.included(name)


def content_digest(items: Iterable[Item], file_digest: Callable[[Item], str], *, owned: bool) -> str:
    """Return a digest of names, kinds, modes, links, attributes and content: all that a copy takes but times.

    `owned` says that owners count: they do not in a build context.
    """
    sha256 = hashlib.sha256()
    first_names: dict[tuple[int, int], str] = {}
    for item in items:
        status = item.status
        row = [item.name, oct(status.st_mode), item.only_parent]
        row += [status.st_uid, status.st_gid] if owned else []
        if stat.S_ISREG(status.st_mode):
            row += [file_digest(item), first_names.setdefault((status.st_dev, status.st_ino), item.name)]
        elif stat.S_ISLNK(status.st_mode):
            row.append(os.readlink(item.source))
        elif not stat.S_ISDIR(status.st_mode):
            row.append(status.st_rdev)
        row += [(name, os.getxattr(item.source, name, follow_symlinks=False)) for name in kept_attributes(item.source)]
        sha256.update(repr(row).encode("utf-8", "surrogateescape"))
    return sha256.hexdigest()


def kept_attributes(place: str | int) -> list[str]:
    """Return the names of the extended attributes that a copy takes along: what layers hold, file capabilities.

    `place` is a path, of which links are not followed, or an open descriptor.
    """
    found = os.listxattr(place) if isinstance(place, int) else os.listxattr(place, follow_symlinks=False)
    return [name for name in found if name == "security.capability"] if found else found


def _glob(folder: Path, parts: list[str]) -> list[Path]:
    """Return what matches the parts one by one, in the order of names; links are not walked through."""
    found = [entry for entry in _sorted(str(folder)) if match(parts[0], entry.name)]
    if len(parts) == 1:
        return [Path(entry.path) for entry in found]
    folders = (Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False))
    return [path for below in folders for path in _glob(below, parts[1:])]


def _is_visible(tree: Tree, path: str, name: str) -> bool:
    """Tell whether the build sees something of `path`: itself, or anything below that an exception brings back."""
    if tree.ignore is None or not name or not tree.ignore.matches(name):
        return True
    if not os.path.isdir(path) or os.path.islink(path) or not tree.ignore.may_hold_exceptions(name):
        return False
    return any(_is_visible(tree, entry.path, f"{name}/{entry.name}") for entry in _sorted(path))


def _name(tree: Tree, path: Path) -> str:
    """Return a path relative to the tree's root, "" for the root."""
    name = str(path.relative_to(tree.root))
    return "" if name == "." else name


def _sorted(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: os.fsencode(entry.name))
