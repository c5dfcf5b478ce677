"""Rendered contexts as files in a folder, and what would change there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from brewhouse.model import Context
from brewhouse.system.store.disk import disk_error, write_file


class Change(msgspec.Struct, frozen=True):
    """A file that differs from what is rendered: "3.13/slim-trixie/Dockerfile"."""

    path: str
    kind: Literal["new", "changed"]


def changes(contexts: Mapping[str, Context], out: Path) -> list[Change]:
    """Return which files of `contexts` (by folder below `out`) are not there as they should be, sorted."""
    found = []
    for path, content in _files(contexts).items():
        try:
            if (out / path).read_bytes() != content:
                found.append(Change(path, "changed"))
        except FileNotFoundError:
            found.append(Change(path, "new"))
    return sorted(found, key=lambda change: change.path)


def write_tree(contexts: Mapping[str, Context], out: Path) -> list[Change]:
    """Write the files that differ, each whole or not at all, and return them."""
    written = changes(contexts, out)
    files = _files(contexts)
    try:
        for change in written:
            path = out / change.path
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, files[change.path], tmp=path.parent)
    except OSError as error:
        raise disk_error(error, out) from error
    return written


def _files(contexts: Mapping[str, Context]) -> dict[str, bytes]:
    return {
        f"{directory}/{name}": content
        for directory, context in contexts.items()
        for name, content in context.files.items()
    }
