"""Matching of paths: Go's filepath.Match for sources of COPY, and the pattern lists of .dockerignore and --exclude.

Source: path/filepath of Go; patternmatcher.go of moby/patternmatcher.
"""

import posixpath
import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from brewhouse.dockerfile.golang import BLANKS
from brewhouse.dockerfile.goregex import compile_go
from brewhouse.errors import DockerfileError

_SEPARATOR = "/"
# moby means `|{}` too, but the bits of its table end before them
_LITERAL_IN_PATTERNS = ".+()$"
_WILD = r"[*?\[\]\\]"


def match(pattern: str, name: str) -> bool:
    """Tell whether all of `name` matches: `*` is any text without `/`, `?` one character but `/`, `[a-c]`, `[^a]`.

    "*.py" matches "a.py" but not "b/a.py". Raises DockerfileError for a pattern that is malformed up to the first star
    behind which `name` does not lead.
    """
    for has_star, chunk, is_last in _split(pattern):
        rest = _match_chunk(chunk, name)
        # only what a star can still take up may be left over, and a star takes the first fit and keeps it, as in Go
        skipped = 0
        while rest is None or (is_last and rest):
            if not has_star or skipped >= len(name) or name[skipped] == _SEPARATOR:
                return False
            skipped += 1
            rest = _match_chunk(chunk, name[skipped:])
        name = rest
    return not name


def check_pattern(pattern: str) -> None:
    """Raise DockerfileError for a pattern that is malformed anywhere; path.Match of Go looks at all of it too."""
    for _ in _split(pattern):
        pass


class _Class:
    """A bracket expression: ranges of characters, or all but them."""

    def __init__(self, ranges: Sequence[tuple[str, str]], *, negated: bool) -> None:
        self._ranges = ranges
        self._negated = negated

    def holds(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self._ranges) != self._negated


_ANY = _Class([(_SEPARATOR, _SEPARATOR)], negated=True)
_Chunk = list[str | _Class]


def _split(pattern: str) -> Iterator[tuple[bool, _Chunk, bool]]:
    """Yield the pattern cut before its stars, and what comes last: "a*b" is (False, a, False), (True, b, True)."""
    position = 0
    while position < len(pattern) or not position:
        has_star = pattern.startswith("*", position)
        while pattern.startswith("*", position):
            position += 1
        chunk: _Chunk = []
        while position < len(pattern) and pattern[position] != "*":
            element, position = _element(pattern, position)
            chunk.append(element)
        yield has_star, chunk, position >= len(pattern)
        if not pattern:
            return


def _element(pattern: str, position: int) -> tuple[str | _Class, int]:
    character = pattern[position]
    if character == "?":
        return _ANY, position + 1
    if character == "[":
        return _read_class(pattern, position + 1)
    if character == "\\":
        return _escaped(pattern, position)
    return character, position + 1


def _read_class(pattern: str, position: int) -> tuple[_Class, int]:
    negated = pattern.startswith("^", position)
    position += negated
    ranges: list[tuple[str, str]] = []
    while not (ranges and pattern.startswith("]", position)):
        low, position = _class_character(pattern, position)
        high = low
        if pattern.startswith("-", position):
            high, position = _class_character(pattern, position + 1)
        ranges.append((low, high))
    return _Class(ranges, negated=negated), position + 1


def _class_character(pattern: str, position: int) -> tuple[str, int]:
    if pattern[position : position + 1] in ("", "-", "]"):
        raise _bad(pattern)
    character, position = (
        _escaped(pattern, position) if pattern[position] == "\\" else (pattern[position], position + 1)
    )
    if position >= len(pattern):
        raise _bad(pattern)
    return character, position


def _escaped(pattern: str, position: int) -> tuple[str, int]:
    if position + 1 >= len(pattern):
        raise _bad(pattern)
    return pattern[position + 1], position + 2


def _match_chunk(chunk: _Chunk, name: str) -> str | None:
    """Return what is left of `name` after `chunk`, or None."""
    if len(chunk) > len(name):
        return None
    for element, character in zip(chunk, name, strict=False):
        if isinstance(element, _Class):
            if not element.holds(character):
                return None
        elif element != character:
            return None
    return name[len(chunk) :]


def _bad(pattern: str) -> DockerfileError:
    return DockerfileError(f"syntax error in pattern: {pattern}", hint="close every `[` and end no pattern with `\\`")


def clean(path: str) -> str:
    """Return `path` as filepath.Clean does: no `.`, no doubled or last `/`, `..` worked out; "" is "."."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


class Pattern:
    """One line of a pattern list; `is_exception` when it started with `!`."""

    def __init__(self, text: str) -> None:
        """Read one line, blanks around it dropped already; raises DockerfileError for a malformed one."""
        self.text = clean(text)
        self.is_exception = self.text.startswith("!")
        if self.is_exception:
            self.text = self.text[1:]
            if not self.text:
                raise DockerfileError('illegal exclusion pattern: "!"', hint="write the path to keep behind the `!`")
        match(self.text, ".")
        self.expression = _compile(self.text)


class PatternList:
    """Patterns of which the last that matches decides: the lines of .dockerignore, or all --exclude of a COPY."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Compile the patterns; raises DockerfileError for a malformed one."""
        stripped = (pattern.strip(BLANKS) for pattern in patterns)
        self.patterns = tuple(Pattern(pattern) for pattern in stripped if pattern)
        self.has_exceptions = any(pattern.is_exception for pattern in self.patterns)
        self._runs = tuple(_runs(self.patterns))

    def matches(self, path: str) -> bool:
        """Tell whether `path` (relative, with `/`), or a folder it lies in, matches.

        "docs" matches "docs" and "docs/a.md"; with "!docs/a.md" behind it no longer the latter.
        Source: MatchesOrParentMatches.
        """
        path = clean(path)
        parts = path.split(_SEPARATOR)
        folders = [_SEPARATOR.join(parts[:length]) for length in range(1, len(parts))]
        above = tuple(any(map(expression.match, folders)) for _, expression in self._runs)
        return path != "." and self.matches_in(above, path)

    def matches_on_the_way(self, path: str) -> bool:
        """Tell what `matches` does of a clean path as a walk from the root finds it: it asks less.

        With "**/*.md" and "!docs" behind it docs/a.md matches, since an exception is asked only about what is matched,
        and docs is not. Source: MatchesUsingParentResults.
        """
        return self.matches_in(self.above(path.rpartition(_SEPARATOR)[0]), path)

    def above(self, folder: str) -> tuple[bool, ...]:
        """Return what `matches_in` has to know of a folder (a clean path, "" for the root) to tell of what is in it."""
        parts = folder.split(_SEPARATOR) if folder else []
        known = (False,) * len(self._runs)
        for length in range(1, len(parts) + 1):
            known = self._met(known, _SEPARATOR.join(parts[:length]))
        return known

    def _met(self, above: tuple[bool, ...], path: str) -> tuple[bool, ...]:
        """Return of each run whether a walk finds that it matches the path, or what it lies in."""
        found: list[bool] = []
        is_matched = False
        for (is_exception, expression), is_above in zip(self._runs, above, strict=True):
            is_met = is_above or (is_exception == is_matched and expression.match(path) is not None)
            is_matched = not is_exception if is_met else is_matched
            found.append(is_met)
        return tuple(found)

    def matches_in(self, above: tuple[bool, ...], path: str) -> bool:
        """Tell whether a clean path matches whose folder is known already."""
        is_matched = False
        for (is_exception, expression), is_above in zip(self._runs, above, strict=True):
            if is_exception == is_matched and (is_above or expression.match(path)):
                is_matched = not is_exception
        return is_matched


def _runs(patterns: Sequence[Pattern]) -> Iterator[tuple[bool, re.Pattern[str]]]:
    """Yield what decides in the same way, one pattern after the other, as one expression: whether `!`, and which."""
    for is_exception, run in groupby(patterns, lambda pattern: pattern.is_exception):
        expressions = [pattern.expression for pattern in run]
        yield is_exception, re.compile("|".join(map(_part, expressions)))


def _part(expression: re.Pattern[str]) -> str:
    """Return an expression as a part of another one, with its own flags."""
    flags = ("a" if expression.flags & re.ASCII else "u") + ("s" if expression.flags & re.DOTALL else "")
    return f"(?{flags}:{expression.pattern})"


def _compile(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern in which `**` also crosses `/`.

    The whole expression is moby's, faults included: a list must mean to us what it means to Docker.
    """
    if not re.search(_WILD, pattern):
        return re.compile(re.escape(pattern) + r"\Z")
    if pattern.startswith("**") and not re.search(_WILD, pattern[2:]):
        # "**" alone is everything, "**/a" also "a"
        start = "(.*/)?" if pattern.startswith("**/") else ".*"
        return re.compile(start + re.escape(pattern[2:].removeprefix("/")) + r"\Z", re.DOTALL)
    if pattern.endswith("**") and not re.search(_WILD, pattern[:-2]):
        return re.compile(re.escape(pattern[:-2]))
    # Go's scanner drops a byte order mark at the very start of what it reads
    return compile_go("^" + "".join(_expressions(pattern.removeprefix("\ufeff"))) + "$", pattern)


def _expressions(pattern: str) -> Iterator[str]:
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if pattern.startswith("**", position - 1):
            position += 1 + pattern.startswith(_SEPARATOR, position + 1)
            yield ".*" if position >= len(pattern) else f"(.*{_SEPARATOR})?"
        elif character == "*":
            yield f"[^{_SEPARATOR}]*"
        elif character == "?":
            yield f"[^{_SEPARATOR}]"
        elif character == "\\" and position < len(pattern):
            yield "\\" + pattern[position]
            position += 1
        else:
            yield f"\\{character}" if character in _LITERAL_IN_PATTERNS else character
