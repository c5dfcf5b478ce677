"""Where commands write what they made: a file that appears whole, or standard output."""

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from brewhouse.errors import HostError, InputError
from brewhouse.system.store.disk import whole_file


def write_whole(output: Path, pieces: Iterable[bytes], hint: str) -> None:
    """Write a file that appears when it is whole; a pipe or device as it is.

    Raises HostError, with `hint`, where that cannot be written.
    """
    is_replaced = not output.exists() or output.is_file()
    try:
        with _closed(pieces), whole_file(output) if is_replaced else output.open("wb") as file:
            file.writelines(pieces)
    except OSError as error:
        raise HostError(f"cannot write {output}: {error.strerror}", hint=hint) from error


def write_stdout(pieces: Iterable[bytes], hint: str) -> None:
    """Write to standard output; raises HostError, with `hint`, where that is refused."""
    try:
        with _closed(pieces):
            sys.stdout.buffer.writelines(pieces)
            sys.stdout.buffer.flush()
    except OSError as error:
        raise HostError(f"cannot write stdout: {error.strerror}", hint=hint) from error


@contextmanager
def _closed(pieces: Iterable[bytes]) -> Iterator[None]:
    """End what makes the pieces with the block, and what it has mounted, also where somebody still knows of it."""
    try:
        yield
    finally:
        if isinstance(pieces, Generator):
            pieces.close()


def refuse_terminal(hint: str) -> None:
    """Raise InputError, with `hint`, where an archive would go to a terminal."""
    if sys.stdout.isatty():
        raise InputError("will not write an archive to a terminal", hint=hint)
