"""Which files a COPY or ADD means: wildcards, .dockerignore, --exclude and --parents resolved against a tree.

Source: ResolveWildcards and copier.copy of tonistiigi/fsutil.
"""

import os
import posixpath
from collections.abc import Callable, Sequence
from pathlib import Path

from brewhouse.build.files.walk import Choice, Selection, Tree
from brewhouse.dockerfile.match import PatternList, check_pattern, match
from brewhouse.errors import InputError
from brewhouse.system.confine import follow
from brewhouse.system.folders import sorted_names


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


def find_sources(
    tree: Tree, patterns: Sequence[str], asked: Callable[[], Sequence[str]] | None = None
) -> list[list[str]]:
    """Return for each pattern the paths that it means, relative to the tree's root; a wildcard may mean none.

    `asked` gives the patterns of a whole build, where the builder sees only what these mean: then the folder of a
    wildcard that means none is not there, unless another pattern brings it. Raises InputError for plain paths, and
    folders of wildcards, that are not there, in BuildKit's words.
    """
    cleaned = [clean_source(pattern) for pattern in patterns]
    found = [_find(tree, pattern) for pattern in cleaned]
    pairs = list(zip(cleaned, found, strict=True))
    missing = [f'"/{pattern}"' for pattern, paths in pairs if paths is None and not has_wildcard(pattern)]
    if missing:
        raise InputError(f"{', '.join(missing)}: not found", hint="check the path, and .dockerignore")
    for pattern, paths in pairs:
        folder = _plain_part(pattern)
        if paths is None:
            raise _unseen(folder, pattern)
        if not paths and asked:
            check_brought(tree, folder, asked(), pattern)
    return [paths for paths in found if paths is not None]


def check_brought(tree: Tree, folder: str, asked: Sequence[str], pattern: str) -> None:
    """Refuse, in BuildKit's words, a folder that none of the patterns of a build brings, for what `pattern` wants."""
    if folder and not _is_brought(tree, folder, asked):
        raise _unseen(folder, pattern)


def _unseen(folder: str, pattern: str) -> InputError:
    return InputError(f"lstat /{folder}: no such file or directory", hint=f"`{pattern}` means nothing that is there")


def _plain_part(pattern: str) -> str:
    """Return the folder that stands before the first part with a wildcard; "" is the root."""
    parts = pattern.split("/")
    plain = next((index for index, part in enumerate(parts) if has_wildcard(part)), len(parts))
    return "/".join(parts[:plain])


def _is_brought(tree: Tree, folder: str, patterns: Sequence[str]) -> bool:
    """Tell whether one of the patterns brings the folder, something above it, or something below.

    What brings is matched as .dockerignore's patterns are, in which `**` crosses `/`. Source: FollowPaths of fsutil.
    """
    place = _reach(tree, folder)
    if place is None:
        return False
    for pattern in map(clean_source, patterns):
        found = [_reach(tree, name) for name in _find(tree, pattern) or ()]
        if any(path and (place.is_relative_to(path) or path.is_relative_to(place)) for path in found):
            return True
        if "**" in pattern and _holds_match(tree, place, PatternList([pattern])):
            return True
    return False


def _holds_match(tree: Tree, place: Path, patterns: PatternList) -> bool:
    found = (f"{folder}/{name}" for folder, folders, files in os.walk(place) for name in (*folders, *files))
    names = ((path, tree.name(Path(path))) for path in found)
    return any(patterns.matches(name) and tree.shows(path, name) for path, name in names)


def _find(tree: Tree, pattern: str) -> list[str] | None:
    if not has_wildcard(pattern):
        return [pattern] if _reach(tree, pattern) else None
    check_pattern(pattern)
    folder = _plain_part(pattern)
    start = _reach(tree, folder)
    if start is None:
        return None
    found = _glob(start, pattern.removeprefix(f"{folder}/").split("/")) if start.is_dir() else []
    names = [(path, tree.name(path)) for path in found]
    return [name for path, name in names if tree.shows(str(path), name)]


def _reach(tree: Tree, path: str) -> Path | None:
    """Return where `path` is, links followed; None where it, or a link on the way, is not there or not seen."""
    place, links = follow(tree.root, path)
    if not os.path.lexists(place):
        return None
    return place if all(tree.shows(str(passed), tree.name(passed)) for passed in (*links, place)) else None


def select(tree: Tree, source: str, choice: Choice) -> Selection:
    """Return what is to be copied of one source.

    A link as source is followed inside the tree; links below a folder are copied as links. The choice is among what is
    below a folder: a file that is a source itself is taken. Raises InputError for a link that leads to nothing, which a
    wildcard may find.
    """
    start = _reach(tree, source)
    if start is None:
        raise InputError(f'"/{source}": not found', hint="check the path, .dockerignore, and links on it")
    return Selection(tree, start, choice)


def _glob(folder: Path, parts: list[str]) -> list[Path]:
    """Return what matches the parts one by one, in the order of names; links are not walked through."""
    names = map(os.fsdecode, sorted_names(str(folder)))
    found = [folder / name for name in names if match(parts[0], name)]
    if len(parts) == 1:
        return found
    folders = (path for path in found if path.is_dir() and not path.is_symlink())
    return [path for below in folders for path in _glob(below, parts[1:])]
