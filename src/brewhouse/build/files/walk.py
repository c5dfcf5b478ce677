"""Walking a tree: what is to be copied of it, a folder and so many of its files at a time.

Nothing is kept of what was passed, so that memory does not grow with the number of files; who needs them twice walks
twice.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec

from brewhouse.dockerfile.dockerignore import Ignore
from brewhouse.dockerfile.match import PatternList
from brewhouse.system.folders import check_depth, sorted_names

Test = Callable[[str], bool]

# How many files are looked at together: enough for what is done once for all of them to cost nothing.
_FILES_AT_ONCE = 1000
_Files: TypeAlias = tuple[list[bytes], list[os.stat_result]]


class Tree(msgspec.Struct, frozen=True):
    """A folder that files are taken from, as the root of all paths, without what `ignore` matches.

    A `store` in it is not shown either: what is copied from there would find itself in what is copied. `is_owned` says
    that owners and attributes mean something: in stages, images and tars, not in folders of a user's.
    """

    root: Path
    ignore: Ignore | None = None
    store: str | None = None
    is_owned: bool = True

    def name(self, path: Path) -> str:
        """Return a path on disk relative to the root, "" for the root."""
        name = str(path.relative_to(self.root))
        return "" if name == "." else name

    def shows(self, path: str, name: str) -> bool:
        """Tell whether the build sees something of `path`: itself, or anything below that an exception brings back.

        `name` is the path relative to the root, "" for the root.
        """
        if path == self.store:
            return False
        ignore = self.ignore
        return (
            ignore is None or not name or not ignore.matches_on_the_way(name) or self._shows_below(path, name, ignore)
        )

    def shows_in(self, folder: str, prefix: str) -> Test | None:
        """Return what tells the same of a name in a folder; nothing where all are shown.

        `prefix` is what stands before the name in the path relative to the root.
        """
        return self._test(self.ignore, folder, prefix) if self.ignore else None

    def _test(self, ignore: Ignore, folder: str, prefix: str) -> Test:
        above = ignore.above(prefix.rstrip("/"))

        def shows(name: str) -> bool:
            is_ignored = ignore.matches_in(above, prefix + name)
            return not is_ignored or self._shows_below(f"{folder}/{name}", prefix + name, ignore)

        return shows

    def _shows_below(self, path: str, name: str, ignore: Ignore) -> bool:
        if not ignore.has_exceptions or os.path.islink(path) or not os.path.isdir(path):
            return False
        names = map(os.fsdecode, sorted_names(path)) if ignore.may_hold_exceptions(name) else ()
        return any(map(self._test(ignore, path, f"{name}/"), names))


class Choice(msgspec.Struct, frozen=True):
    """What of a source folder is wanted, by names relative to it; None is no limit."""

    included: PatternList | None = None
    excluded: PatternList | None = None

    def wants_in(self, prefix: str) -> Test | None:
        """Return what tells of a name in a folder whether it is itself wanted; nothing where all are."""
        lists = [
            (patterns, is_wanted) for patterns, is_wanted in ((self.included, True), (self.excluded, False)) if patterns
        ]
        known = [(patterns, patterns.above(prefix.rstrip("/")), is_wanted) for patterns, is_wanted in lists]

        def wants(name: str) -> bool:
            return all(patterns.matches_in(above, prefix + name) == is_wanted for patterns, above, is_wanted in known)

        return wants if known else None


class Item(msgspec.Struct, frozen=True):
    """One thing to be copied: `source` is its path on disk, `name` is below the destination, "" the source itself.

    `only_parent` marks a folder that is there just because something below it is wanted.
    """

    source: str
    name: str
    status: os.stat_result
    only_parent: bool = False


class Part(msgspec.Struct, frozen=True):
    """A folder, where its first part is this, and some of its files: by `names`, sorted, and `statuses` in their order.

    `source` and `prefix` are what stands before a name in the source and the name of its item.
    """

    folder: Item | None
    source: str
    prefix: str
    names: list[bytes]
    statuses: list[os.stat_result]

    def files(self) -> Iterator[Item]:
        """Yield the files."""
        for raw, status in zip(self.names, self.statuses, strict=True):
            name = os.fsdecode(raw)
            yield Item(self.source + name, self.prefix + name, status)


class Selection:
    """What is to be copied of one source: of a folder what is wanted in it, of anything else the thing itself."""

    def __init__(self, tree: Tree, source: Path, choice: Choice) -> None:
        """Know the path on disk."""
        self.source = os.fspath(source)
        self.status = source.lstat()
        self.is_folder = stat.S_ISDIR(self.status.st_mode)
        self.is_owned = tree.is_owned
        self._tree = tree
        self._choice = choice

    def __iter__(self) -> Iterator[Item]:
        """Yield what there is to copy: each folder before its files, and these before the folders in it."""
        for part in self.parts():
            if part.folder:
                yield part.folder
            yield from part.files()

    def parts(self) -> Iterator[Part]:
        """Yield the same in parts."""
        if self.is_folder:
            name = self._tree.name(Path(self.source))
            walk = _Walk(self._tree, self._choice, f"{name}/" if name else "")
            yield from walk.folder(Item(self.source, "", self.status), waits=False)
        else:
            yield Part(None, self.source, "", [b""], [self.status])


class _Walk:
    """A walk that yields a folder that is not itself wanted only when something below it is."""

    def __init__(self, tree: Tree, choice: Choice, start: str) -> None:
        self._tree = tree
        self._choice = choice
        self._start = start
        self._waiting: list[Item] = []

    def folder(self, item: Item, *, waits: bool) -> Iterator[Part]:
        """Yield the folder and what is wanted in it; one that waits comes before the first of that, or not at all."""
        check_depth(item.name.count("/"), "what is to be copied", item.name)
        if waits:
            self._waiting.append(item)
        depth = len(self._waiting)
        prefix = f"{item.name}/" if item.name else ""
        folders: list[tuple[str, bool]] = []
        head = None if waits else item
        for names, statuses in _in_parts(self._files(item.source, prefix, folders)):
            if head or names:
                yield from self._parents()
                yield Part(head, f"{item.source}/", prefix, names, statuses)
            head = None
        for name, is_wanted in folders:
            source = f"{item.source}/{name}"
            if source == self._tree.store:
                continue
            below = Item(source, prefix + name, os.lstat(source), only_parent=not is_wanted)
            yield from self.folder(below, waits=not is_wanted)
        if waits and len(self._waiting) == depth:
            self._waiting.pop()

    def _files(self, source: str, prefix: str, folders: list[tuple[str, bool]]) -> Iterator[_Files]:
        """Yield the wanted files of a folder, some at a time; to `folders` its own are added, with whether wanted."""
        wants = self._choice.wants_in(prefix)
        for names, statuses in _listed(source, self._tree.shows_in(source, self._start + prefix)):
            are_folders = [stat.S_ISDIR(status.st_mode) for status in statuses]
            if wants is None and not any(are_folders):
                yield names, statuses
                continue
            files: _Files = [], []
            for raw, status, is_folder in zip(names, statuses, are_folders, strict=True):
                name = os.fsdecode(raw)
                is_wanted = wants is None or wants(name)
                if is_folder:
                    folders.append((name, is_wanted))
                elif is_wanted:
                    files[0].append(raw)
                    files[1].append(status)
            yield files

    def _parents(self) -> Iterator[Part]:
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            yield Part(item, f"{item.source}/", f"{item.name}/", [], [])


def _listed(folder: str, sees: Test | None) -> Iterator[_Files]:
    """Yield the names in a folder that are seen, and what they are, so many at a time; at least once."""
    names = sorted_names(folder)
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for start in range(0, len(names) or 1, _FILES_AT_ONCE):
            some = names[start : start + _FILES_AT_ONCE]
            if sees:
                some = [name for name in some if sees(os.fsdecode(name))]
            yield _with_statuses(some, opened)
    finally:
        os.close(opened)


def _with_statuses(names: list[bytes], folder: int) -> _Files:
    """Return names and what they are, without marks that something is gone.

    A layer's own folder shows them as devices; overlayfs, where no lower layer has the folder, only by their names.
    """
    try:
        statuses = [os.lstat(name, dir_fd=folder) for name in names]
    except FileNotFoundError:
        return _with_statuses([name for name in names if _is_there(name, folder)], folder)
    if not any(map(_is_mark, statuses)):
        return names, statuses
    left = [(name, status) for name, status in zip(names, statuses, strict=True) if not _is_mark(status)]
    return [name for name, _ in left], [status for _, status in left]


def _is_there(name: bytes, folder: int) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _is_mark(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _in_parts(found: Iterable[_Files]) -> Iterator[_Files]:
    """Yield the same files so many at a time, and the rest, whatever was left out of them before."""
    names: list[bytes] = []
    statuses: list[os.stat_result] = []
    for more_names, more_statuses in found:
        names, statuses = names + more_names, statuses + more_statuses
        if len(names) >= _FILES_AT_ONCE:
            yield names[:_FILES_AT_ONCE], statuses[:_FILES_AT_ONCE]
            names, statuses = names[_FILES_AT_ONCE:], statuses[_FILES_AT_ONCE:]
    yield names, statuses
