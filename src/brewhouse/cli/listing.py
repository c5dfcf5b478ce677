"""Listings as Docker prints them: tables with sizes and ages for people, JSON and templates for programs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from brewhouse.errors import on_one_line

Row = Mapping[str, object]

_MINUTE, _HOUR = 60, 3600
# Below how many hours a span is told in which unit.
_SPANS = ((48, 1, "hours"), (14 * 24, 24, "days"), (60 * 24, 7 * 24, "weeks"), (730 * 24, 30 * 24, "months"))
_GAP = 3


def format_rows(rows: Sequence[Row], columns: Mapping[str, str], form: str) -> str:
    """Return rows as `form` wants them: "table", "json" (one array), or a template for each, also after "table ".

    `columns` gives each shown field its heading: {"ID": "IMAGE ID"}.
    """
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(rows), indent=2).decode()
    if form == "table":
        return format_table([list(columns.values()), *([str(row[field]) for field in columns] for row in rows)])
    if form.startswith("table "):
        lines = [_fill(form.removeprefix("table "), row) for row in (columns, *rows)]
        return format_table([line.split("\t") for line in lines])
    return "\n".join(_fill(form, row) for row in rows)


def _fill(template: str, row: Row) -> str:
    r"""Return a template filled in; \t and \n are the characters, since few shells can write them."""
    from brewhouse.cli.gotemplate import render

    return render(template.replace("\\t", "\t").replace("\\n", "\n"), dict(row))


def format_table(lines: Sequence[Sequence[str]]) -> str:
    """Return cells as columns, three blanks between them.

    Ends of lines and other controls, which images may bring in, are spelt out: a terminal would obey them.
    """
    lines = [[on_one_line(cell.replace("\t", " ")) for cell in line] for line in lines]
    widths = [max(len(line[at]) for line in lines if at < len(line)) + _GAP for at in range(max(map(len, lines)))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=False)] for line in lines)
    return "\n".join("".join(cells).rstrip() for cells in padded)


def age(created: str, now: datetime) -> str:
    """Return how old what was created then is, as Docker says it: "3 weeks ago"; "N/A" where nobody knows.

    Source: HumanDuration of docker/go-units.
    """
    time = parse_time(created)
    return f"{_duration(int((now - time).total_seconds()))} ago" if time else "N/A"


def parse_time(text: str) -> datetime | None:
    """Return the time that a config holds, or nothing where it holds none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.year == 1:  # Go's zero time, written by builders that leave the time out
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _duration(seconds: int) -> str:
    if seconds < 1:
        return "Less than a second"
    if seconds < _MINUTE:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    if seconds < _HOUR:
        return "About a minute" if seconds < 2 * _MINUTE else f"{seconds // _MINUTE} minutes"
    hours = (seconds + _HOUR // 2) // _HOUR
    if hours == 1:
        return "About an hour"
    for below, size, name in _SPANS:
        if hours < below:
            return f"{hours // size} {name}"
    return f"{hours // (365 * 24)} years"
