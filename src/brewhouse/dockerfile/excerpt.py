"""The lines around a fault, as BuildKit shows them.

Source: solver/errdefs/source.go of moby/buildkit.
"""

from brewhouse.errors import on_one_line

_AROUND = 4
_AROUND_SEVERAL = 2
_RULE = "--------------------"


def excerpt(text: str, start: int, end: int) -> str:
    """Return numbered lines of `text` around the lines `start` to `end` (from 1), which an arrow marks.

    --------------------
       1 |     FROM debian
       2 | >>> RUM true
    --------------------

    A place outside the text gives "". Controls but tabs are spelt out: a terminal would obey them.
    """
    lines = text.split("\n")
    if not 1 <= start <= len(lines):
        return ""
    end = min(max(start, end), len(lines))
    first, last = _widen(start, end, len(lines))
    numbered = (
        f" {number:3} | {'>>>' if start <= number <= end else '   '} {_shown(lines[number - 1])}".rstrip()
        for number in range(first, last + 1)
    )
    return "\n".join([_RULE, *numbered, _RULE])


def _shown(line: str) -> str:
    return "\t".join(map(on_one_line, line.rstrip("\r").split("\t")))


def _widen(start: int, end: int, count: int) -> tuple[int, int]:
    """Return a range with some lines more before and behind: more around a single line than around several."""
    wanted = _AROUND if start == end else _AROUND_SEVERAL
    added = 0
    while added < wanted:
        if start > 1:
            start -= 1
            added += 1
        if end < count:
            end += 1
            added += 1
        added += 1
    return start, end
