"""Paths inside a root file system, with links followed as a process would whose root it is."""

import os
import posixpath
from pathlib import Path

from brewhouse.errors import InputError

_MOST_LINKS = 255


def confine(root: Path, path: str, *, follow_last: bool = True) -> Path:
    """Return the place of `path` below `root` on disk, links followed inside the root and never out of it.

    `..` ends at the root; parts that do not exist are kept as they are. With `follow_last` false a link in the last
    place is returned itself. Raises InputError for a loop of links, and for a NUL, which no path can have.
    Source: RootPath of containerd/continuity.
    """
    return follow(root, path, follow_last=follow_last)[0]


def follow(root: Path, path: str, *, follow_last: bool = True) -> tuple[Path, list[Path]]:
    """Return what `confine` does, and the links on the way to it."""
    if "\0" in path:
        raise InputError(f"`{path}` is not a path: it holds a NUL character")
    done: list[str] = []
    left = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    links: list[Path] = []
    while left:
        part = left.pop()
        if part == "..":
            del done[-1:]
            continue
        here = root.joinpath(*done, part)
        if (left or follow_last) and here.is_symlink():
            links.append(here)
            if len(links) > _MOST_LINKS:
                raise InputError(f"too many links: `{path}` leads back to itself")
            target = os.readlink(here)  # noqa: PTH115 - Path.readlink tidies what it reads
            if posixpath.isabs(target):
                done = []
            left += [step for step in reversed(target.split("/")) if step not in ("", ".")]
        else:
            done.append(part)
    return root.joinpath(*done), links
