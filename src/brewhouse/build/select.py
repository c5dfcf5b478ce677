"""Which files a COPY or ADD means: wildcards, .dockerignore, --exclude and --parents resolved against a tree.

Source: ResolveWildcards and copier.copy of tonistiigi/fsutil.
"""

import hashlib
import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from brewhouse.dockerfile.dockerignore import Ignore
from brewhouse.dockerfile.match import match
from brewhouse.errors import InputError
from brewhouse.system.confine import confine

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
    """One thing to be copied: `name` is below the destination, "" the source itself.

    `only_parent` marks a folder that is there just because something below it is wanted.
    """

    source: Path
    name: str
    status: os.stat_result
    only_parent: bool = False


def has_wildcard(text: str) -> bool:
    """Tell whether `text` has a wildcard of filepath.Match that is not escaped."""
    escaped = False
    for character in text:
        if character in "*?[" and not escaped:
            return True
        escaped = character == "\\" and not escaped
    return False


def find_sources(tree: Tree, pattern: str) -> list[str]:
    """Return the paths that `pattern` means, relative to the tree's root; a wildcard may mean none.

    Raises InputError for a plain path that is not there.
    """
    clean = posixpath.normpath("/" + pattern).lstrip("/")
    if not has_wildcard(clean):
        real = confine(tree.root, clean)
        if not os.path.lexists(real) or _hides_all(tree, real):
            raise InputError(
                f'"/{clean}" is not in what is copied from: not found', hint="check the path, and .dockerignore"
            )
        return [clean]
    parts = clean.split("/")
    plain = next(index for index, part in enumerate(parts) if has_wildcard(part))
    start = confine(tree.root, "/".join(parts[:plain]))
    found = _glob(start, parts[plain:]) if start.is_dir() else []
    return [str(path.relative_to(tree.root)) for path in found if not _hides_all(tree, path)]


def select(tree: Tree, source: str, choice: Choice) -> list[Item]:
    """Return what is to be copied of one source, folders before their contents, sorted by name.

    A link as source is followed inside the tree; links below a folder are copied as links.
    """
    start = confine(tree.root, source)
    status = start.lstat()
    if not stat.S_ISDIR(status.st_mode):
        name = posixpath.basename(source)
        return [] if choice.excluded and choice.excluded(name) else [Item(start, "", status)]
    return [Item(start, "", status), *_Walk(tree, choice).below(start, "")]


class _Walk:
    """A walk that yields a folder that is not itself wanted only when something below it is."""

    def __init__(self, tree: Tree, choice: Choice) -> None:
        self._tree = tree
        self._choice = choice
        self._waiting: list[Item] = []

    def below(self, folder: Path, prefix: str) -> Iterator[Item]:
        """Yield what is wanted in `folder`."""
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        for entry in found:
            path, name = Path(entry.path), prefix + entry.name
            item = Item(path, name, entry.stat(follow_symlinks=False))
            ignored = _is_ignored(self._tree, path)
            wanted = not ignored and self._wants(name)
            if wanted:
                yield from self._parents()
                yield item
            if entry.is_dir(follow_symlinks=False) and not (ignored and _hides_all(self._tree, path)):
                yield from self._descend(item, waits=not wanted)

    def _descend(self, item: Item, *, waits: bool) -> Iterator[Item]:
        if waits:
            self._waiting.append(msgspec.structs.replace(item, only_parent=True))
        depth = len(self._waiting)
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
            row.append(os.readlink(item.source))  # noqa: PTH115 - Path.readlink tidies what it reads
        elif not stat.S_ISDIR(status.st_mode):
            row.append(status.st_rdev)
        row += [(name, os.getxattr(item.source, name, follow_symlinks=False)) for name in _xattrs(item.source)]
        sha256.update(repr(row).encode("utf-8", "surrogateescape"))
    return sha256.hexdigest()


def _xattrs(path: Path) -> list[str]:
    return sorted(
        name for name in os.listxattr(path, follow_symlinks=False) if name.startswith(("user.", "security.cap"))
    )


def _glob(folder: Path, parts: list[str]) -> list[Path]:
    """Return what matches the parts one by one, in the order of names; links are not walked through."""
    with os.scandir(folder) as entries:
        found = sorted(
            (entry for entry in entries if match(parts[0], entry.name)), key=lambda entry: os.fsencode(entry.name)
        )
    if len(parts) == 1:
        return [Path(entry.path) for entry in found]
    folders = (Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False))
    return [path for below in folders for path in _glob(below, parts[1:])]


def _is_ignored(tree: Tree, path: Path) -> bool:
    return tree.ignore is not None and path != tree.root and tree.ignore.matches(str(path.relative_to(tree.root)))


def _hides_all(tree: Tree, path: Path) -> bool:
    """Tell whether nothing of `path` can be seen by the build."""
    if tree.ignore is None or not _is_ignored(tree, path):
        return False
    return not (path.is_dir() and tree.ignore.may_hold_exceptions(str(path.relative_to(tree.root))))
