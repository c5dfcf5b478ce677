"""Tables of words, patterns, .dockerignore files and documents: rows of JSON, each with what others made of it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec

from brewhouse.dockerfile.dockerignore import ignore_patterns
from brewhouse.dockerfile.match import PatternList
from brewhouse.dockerfile.words import Rules, process
from brewhouse.errors import DockerfileError
from tests.conformance.check import Bench, Check, unequal
from tests.conformance.documents import KINDS, document_checks

# Of a recorded error about a pattern only the beginning is moby's: the rest is Go's regexp package.
_SAME_WORDS = 20


class _Kind(msgspec.Struct):
    kind: str = ""


class _Words(msgspec.Struct):
    """`word` is expanded whole, `words` is split."""

    kind: str
    input: str
    envs: dict[str, str]
    escape: str = "\\"
    result: str | list[str] | None = None
    error: str | bool = False
    matched: list[str] | None = None
    unmatched: list[str] | None = None


class _Match(msgspec.Struct):
    patterns: list[str]
    path: str
    ignored: bool = False
    error: str = ""


class _IgnoreFile(msgspec.Struct):
    input: str
    patterns: list[str]


def table_checks(table: Path) -> Iterator[Check]:
    """Yield a check for each row of a table that has a kind; one that nobody knows is told of, and not counted."""
    for number, line in enumerate(table.read_bytes().splitlines(), start=1):
        name = f"tables/{table.stem}-{number}"
        match msgspec.json.decode(line, type=_Kind).kind:
            case "word" | "words":
                yield Check(name, partial(_word, msgspec.json.decode(line, type=_Words)))
            case "ignore":
                yield Check(name, partial(_match, msgspec.json.decode(line, type=_Match)))
            case "ignorefile":
                yield Check(name, partial(_ignore_file, msgspec.json.decode(line, type=_IgnoreFile)))
            case kind if kind in KINDS:
                yield from document_checks(name, line)
            case kind if kind:
                yield Check(name, lambda _bench: [], f"rows of kind `{kind}` are not known here")


def _word(row: _Words, _bench: Bench) -> list[str]:
    try:
        expansion = process(row.input, row.envs, Rules(escape=row.escape))
    except DockerfileError as error:
        return [] if row.error in (True, error.problem) else [f"error: recorded {row.error!r}, is {error.problem!r}"]
    if row.error:
        return [f"recorded the error {row.error!r}, is {expansion.text!r}"]
    found = list(
        unequal("text", row.result or "", expansion.text)
        if row.kind == "word"
        else unequal("words", row.result or [], list(expansion.words))
    )
    if row.matched is not None:
        found += unequal("matched", set(row.matched), expansion.matched)
        found += unequal("unmatched", set(row.unmatched or ()), expansion.unmatched)
    return found


def _match(row: _Match, _bench: Bench) -> list[str]:
    try:
        ignored = PatternList(row.patterns).matches(row.path)
    except DockerfileError as error:
        is_same = row.error and row.error[:_SAME_WORDS] in str(error)
        return [] if is_same else [f"error: recorded {row.error!r}, is {error.problem!r}"]
    if row.error:
        return [f"recorded the error {row.error!r}, is ignored={ignored}"]
    return list(unequal(f"{row.path} by {row.patterns}", row.ignored, ignored))


def _ignore_file(row: _IgnoreFile, _bench: Bench) -> list[str]:
    return list(unequal("patterns", row.patterns, ignore_patterns(row.input.encode(), ".dockerignore")))
