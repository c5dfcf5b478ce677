"""All that is recorded in a folder: builds, tables, trees of the parser, archives."""

from collections.abc import Iterator
from pathlib import Path

from tests.conformance.build_check import build_checks
from tests.conformance.check import Check
from tests.conformance.tables import table_checks
from tests.conformance.trees import parser_checks, tree_checks
from tests.conformance.vectors import vector_checks


def find_checks(place: Path) -> list[Check]:
    """Return the checks of all that is recorded in `place`, a folder (whole or in part) or a single table."""
    return [*_quick(place), *(build_checks(place) if place.is_dir() else ())]


def _quick(place: Path) -> Iterator[Check]:
    """Yield the checks that build nothing."""
    for table in [place] if place.is_file() else sorted(place.rglob("*.jsonl")):
        yield from table_checks(table)
        yield from tree_checks(table)
    if place.is_dir():
        yield from parser_checks(place)
        yield from vector_checks(place)
