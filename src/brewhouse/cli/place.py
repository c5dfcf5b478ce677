"""Paths on the command line."""

import stat
from pathlib import Path

import click


class Place(click.ParamType[Path]):
    """A path, in what form it may be; click's own type asks for translations, which takes 2 ms and finds none."""

    def __init__(self, name: str, *, exists: bool = False) -> None:
        """Take a "file", a "directory", or any "path", which with `exists` must be there."""
        self.name = name
        self._exists = exists

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path; fails where something else is there, or nothing that must be."""
        path = Path(str(value))
        try:
            mode = path.stat().st_mode
        except OSError:
            if self._exists:
                self.fail(f"{self.name.title()} '{path}' does not exist.", param, ctx)
            return path
        if stat.S_ISDIR(mode) and self.name == "file":
            self.fail(f"File '{path}' is a directory.", param, ctx)
        if stat.S_ISREG(mode) and self.name == "directory":
            self.fail(f"Directory '{path}' is a file.", param, ctx)
        return path


PATH = Place("path")
FILE, EXISTING_FILE = Place("file"), Place("file", exists=True)
FOLDER, EXISTING_FOLDER = Place("directory"), Place("directory", exists=True)
