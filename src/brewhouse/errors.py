"""Every way to fail, with the exit status that the command line gives it.

An error is one line that names the thing, the place and what is wrong; `hint` says how to mend it.
Only `cli` shows errors; everybody else raises them once and logs nothing.
"""

from pathlib import Path


class BrewError(Exception):
    """Work that could not be done: exit status 1."""

    exit_status = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep the line and the hint; both are lower case and end without a full stop."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(BrewError):
    """Something the user wrote or named is wrong: exit status 2, and nothing was changed."""

    exit_status = 2


class DockerfileError(InputError):
    """A Dockerfile that cannot be used; `file`, `start` and `end` (lines from 1) say where, once that is known."""

    def __init__(self, problem: str, *, hint: str = "", file: str = "", start: int = 0, end: int = 0) -> None:
        """Make the line of `problem` and place: "unknown flag: --form (Dockerfile:3)"."""
        super().__init__(f"{problem} ({file}:{start})" if file else problem, hint=hint)
        self.problem = problem
        self.file = file
        self.start = start
        self.end = end

    def at(self, file: str, start: int, end: int) -> "DockerfileError":
        """Return this error with its place, or as it is where it has one already."""
        if self.file:
            return self
        return DockerfileError(self.problem, hint=self.hint, file=file, start=start, end=end)


class FetchError(BrewError):
    """A file could not be had from any place it was looked for."""


class IntegrityError(InputError):
    """Bytes that do not have the digest, size or signature they should have."""


class BuildError(BrewError):
    """A step of a build failed; `log` is the file with all it printed."""

    def __init__(self, message: str, *, hint: str = "", log: Path | None = None) -> None:
        """Keep the step's log so that its end can be shown."""
        super().__init__(message, hint=hint)
        self.log = log


class HostError(InputError):
    """This machine lacks a program, a permission or space; the hint says what to install or change."""


class StoreError(BrewError):
    """The store on disk is not what an OCI image layout must be."""
