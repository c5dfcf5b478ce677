"""What came of a case against what was recorded."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

import msgspec

from tests.conformance.build import Outcome
from tests.conformance.case import Case, Entry, RecordedPlatform, dumps

_PREFIX = re.compile(
    r"failed to solve: |dockerfile parse error on line \d+: |failed to compute cache key: "
    r"|failed to calculate checksum of ref REF: |failed to read dockerfile: open |failed to process |\bROOT(?=/)"
)
_WORD = re.compile(r"\w+")
# `ls -l` shows when a file was made: two builds differ in it.
_DATE = re.compile(r"\b[A-Z][a-z]{2} [ \d]\d (?: \d{4}|\d\d:\d\d)")
# What `ip link` shows is of the machine, not of the build.
_LINK = re.compile(r"^(\d+: \w+: <|    link/\w+ ).*")
_ERRORS = (1, 2)
# Differences that are meant, and why.
_TOLERATED = {
    # A step that only sets a folder's time leaves no trace in BuildKit's layers, but in its snapshots: whoever builds
    # on the pulled image does not get that time, and neither do we.
    "buildah-conformance/170-chown-volume": (re.compile(r"^layer 3: volume[abc] mtime: "),),
}
# Content that names the day of the build.
_DATED = frozenset({"etc/shadow", "etc/shadow-", "date"})


def differences(case: Case, outcome: Outcome) -> list[str]:
    """Return a line for each difference; none means that the case passes."""
    expected = case.expected
    if expected.status == "error":
        return list(_error(expected.error, outcome))
    if outcome.status:
        return [f"failed with status {outcome.status}: {line}" for line in error_lines(outcome) or [_end(outcome)]]
    if expected.status == "index":
        return list(_platforms(expected.platforms, outcome.platforms))
    found = [*_config(expected.config, outcome.config), *_history(expected.history, outcome.history)]
    found += _layers(expected.layers, outcome.layers, outcome.debian_epoch)
    if not expected.run_output_volatile:
        found += _output(expected.run_output, outcome.run_output)
    return [line for line in found if not any(pattern.search(line) for pattern in _TOLERATED.get(case.name, ()))]


def error_lines(outcome: Outcome) -> list[str]:
    """Return the lines that say what went wrong."""
    return [line for line in outcome.talk.splitlines() if line.startswith("error: ")]


def _end(outcome: Outcome) -> str:
    return " / ".join(outcome.talk.splitlines()[-3:])


def _error(expected: str, outcome: Outcome) -> Iterator[str]:
    """Yield what is wrong with a failure: it must have one line, and that or the hint every word of the reason."""
    if outcome.status not in _ERRORS:
        yield f"ended with status {outcome.status}, but BuildKit says: {expected}"
        return
    lines = error_lines(outcome)
    if len(lines) != 1 or "Traceback" in outcome.talk:
        yield f"no single error line, but: {_end(outcome)}"
        return
    said = outcome.talk[outcome.talk.index(lines[0]) :]
    missing = set(_WORD.findall(_PREFIX.sub("", expected).lower())) - set(_WORD.findall(said.lower()))
    if missing:
        yield f"error lacks {sorted(missing)}: recorded {expected!r}, is {said!r}"


def _config(expected: Mapping[str, object], found: Mapping[str, object]) -> Iterator[str]:
    wanted, is_now = _flat(expected), _flat(found)
    for key in sorted({*wanted, *is_now}):
        if wanted.get(key) != is_now.get(key):
            yield f"config {key}: recorded {dumps(wanted.get(key))}, is {dumps(is_now.get(key))}"


def _flat(config: Mapping[str, object]) -> dict[str, object]:
    inner = config.get("config")
    values = {**config, **(inner if isinstance(inner, dict) else {}), "config": None}
    # Debian's own images say `"Entrypoint": []`, as our base does and the recorded one does not.
    return {key: None if value == [] else value for key, value in values.items()}


def _history(expected: Sequence[Mapping[str, object]], found: Sequence[Mapping[str, object]]) -> Iterator[str]:
    without_time = [{key: value for key, value in entry.items() if key != "created"} for entry in found]
    for number, (wanted, is_now) in enumerate(zip_longest(map(dict, expected), without_time), start=1):
        if wanted != is_now:
            yield f"history {number}: recorded {dumps(wanted)}, is {dumps(is_now)}"


def _layers(
    expected: Sequence[Sequence[Entry]], found: Sequence[Sequence[Entry]], debian_epoch: int | None
) -> Iterator[str]:
    if len(expected) != len(found):
        yield f"recorded {len(expected)} layers, are {len(found)}"
    for number, (wanted, entries) in enumerate(zip(expected, found, strict=False), start=1):
        by_path = {entry.path: entry for entry in entries}
        for entry in wanted:
            is_now = by_path.pop(entry.path, None)
            yield from (f"layer {number}: {line}" for line in _entry(entry, is_now, debian_epoch))
        yield from (f"layer {number}: {path} was not recorded: {entry}" for path, entry in by_path.items())


def _entry(wanted: Entry, found: Entry | None, debian_epoch: int | None) -> Iterator[str]:
    """Yield what differs; times that come from our Debian base are not those of the base that was recorded."""
    if found is None:
        yield f"{wanted.path} is missing: {wanted}"
        return
    fields = ["type"] if wanted.volatile else [field for field in wanted.__struct_fields__ if field != "volatile"]
    recorded, is_now = msgspec.to_builtins(wanted), msgspec.to_builtins(found)
    for field in fields:
        if field == "mtime" and (wanted.mtime is None or found.mtime == debian_epoch):
            continue
        if field == "sha256" and wanted.path in _DATED:
            continue
        if recorded[field] != is_now[field]:
            yield f"{wanted.path} {field}: recorded {recorded[field]}, is {is_now[field]}"


def _platforms(expected: Sequence[RecordedPlatform], found: Sequence[RecordedPlatform]) -> Iterator[str]:
    recorded, is_now = msgspec.to_builtins(expected), msgspec.to_builtins(found)
    if recorded != is_now:
        yield f"platforms of the index: recorded {dumps(recorded)}, is {dumps(is_now)}"


def _comparable(line: str) -> str:
    """Return a printed line without what differs from day to day and from machine to machine."""
    return _LINK.sub(r"\1", _DATE.sub("DATE", line.rstrip()))


def _output(expected: Sequence[str], found: Sequence[str]) -> Iterator[str]:
    """Yield lines too many or too few; independent stages print in any order."""
    wanted, is_now = (Counter(map(_comparable, lines)) for lines in (expected, found))
    yield from (f"output lacks: {line}" for line in (wanted - is_now).elements())
    yield from (f"output has besides: {line}" for line in (is_now - wanted).elements())
