"""One recorded thing that can be checked: what the runner counts and pytest parametrises over."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec


class Bench(msgspec.Struct, frozen=True):
    """Where checks work: a store that builds share, and a folder for what each makes."""

    store: Path
    scratch: Path


class PassedOver(Exception):  # noqa: N818 - it is no error
    """Nothing can be said of a check here, and why."""


class Check(msgspec.Struct, frozen=True):
    """A name, what yields a line for each difference to the record, and why it is not counted, if so."""

    name: str
    differences: Callable[[Bench], list[str]]
    unscored: str = ""


def unequal(what: str, recorded: object, found: object) -> Iterator[str]:
    """Yield a line where the two differ."""
    if recorded != found:
        yield f"{what}: recorded {recorded!r}, is {found!r}"
