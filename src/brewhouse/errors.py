"""Every way to fail, with the exit status that the command line gives it.

An error is one line that names the thing, the place and what is wrong; `hint` says how to mend it.
Only `cli` shows errors; everybody else raises them once and logs nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol


class BrewError(Exception):
    """Work that could not be done: exit status 1."""

    exit_status = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep the line and the hint; both are lower case and end without a full stop."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        # The instruction that failed, if one did, and the lines around it, where whoever passes it on has the file.
        self.location: Place | None = None
        self.excerpt = ""


class InputError(BrewError):
    """Something the user wrote or named is wrong: exit status 2, and nothing was changed."""

    exit_status = 2


class Place(Protocol):
    """Some lines of a file, counted from 1."""

    @property
    def file(self) -> str:
        """The file's name, as the user knows it."""

    @property
    def start(self) -> int:
        """The first line."""

    @property
    def end(self) -> int:
        """The last line."""


class DockerfileError(InputError):
    """A Dockerfile that cannot be used; `location` says where, once that is known."""

    def __init__(self, problem: str, *, hint: str = "", location: Place | None = None) -> None:
        """Make the line of `problem` and place: "unknown flag: --form (Dockerfile:3)"."""
        line = on_one_line(problem)
        super().__init__(f"{line} ({location.file}:{location.start})" if location else line, hint=hint)
        self.problem = problem
        self.location = location

    def at(self, location: Place) -> "DockerfileError":
        """Return this error with its place, or as it is where it has one already."""
        return self if self.location else DockerfileError(self.problem, hint=self.hint, location=location)


class FetchError(BrewError):
    """A file could not be had from any place it was looked for."""


class RegistryError(BrewError):
    """A registry failed, refused what was asked, or could not be reached."""


class IntegrityError(InputError):
    """Bytes that do not have the digest, size or signature they should have."""


class BuildError(BrewError):
    """A step of a build failed; `log` is the file with all it printed, `location` its instruction if it has one."""

    def __init__(self, message: str, *, hint: str = "", log: Path | None = None, location: Place | None = None) -> None:
        """Keep the step's log so that its end can be shown."""
        super().__init__(on_one_line(message), hint=hint)
        self.log = log
        self.location = location


class HostError(InputError):
    """This machine lacks a program, a permission or space; the hint says what to install or change."""


class StoreError(BrewError):
    """The store on disk is not what an OCI image layout must be."""


def on_one_line(text: str) -> str:
    """Return a text in which line ends and other controls, which a file may bring into it, are spelt out."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


@contextmanager
def located(place: Place) -> Iterator[None]:
    """Give a place in the Dockerfile to the errors that come out of the block and have none."""
    try:
        yield
    except DockerfileError as error:
        raise error.at(place) from error
    except InputError as error:
        if not isinstance(error, HostError):
            raise DockerfileError(error.message, hint=error.hint, location=place) from error
        error.location = error.location or place
        raise
    except BrewError as error:
        error.location = error.location or place
        raise
