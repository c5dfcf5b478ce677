"""Cutting and replacing by the glob patterns of `${v#pattern}`, `${v%pattern}` and `${v/pattern/text}`.

In a pattern `*` is any text, `?` any character, and a backslash makes them (and itself) literal.
Source: shell/lex.go of moby/buildkit's Dockerfile frontend.
"""

import re

from brewhouse.errors import DockerfileError


def trim_prefix(value: str, pattern: str, *, longest: bool) -> str:
    """Return `value` without the shortest (or longest) start that matches: "/usr/lib" with "*/" gives "usr/lib"."""
    found = _compile(pattern, greedy=longest).match(value)
    return value[found.end() :] if found else value


def trim_suffix(value: str, pattern: str, *, longest: bool) -> str:
    """Return `value` without the shortest (or longest) end that matches: "/usr/lib" with "/*" gives "/usr"."""
    # a regular expression finds the leftmost match, never the shortest at the end: look from the other side
    return trim_prefix(value[::-1], _reverse(pattern), longest=longest)[::-1]


def replace(value: str, pattern: str, replacement: str, *, everywhere: bool) -> str:
    """Return `value` with the first match (or all) of `pattern` replaced by the literal `replacement`."""
    parts: list[str] = []
    kept = position = 0
    expression = _compile(pattern, greedy=True)
    while found := expression.search(value, position):
        # Go takes no empty match right behind another match; Python's re.sub does
        if found.end() > kept or found.start() != kept or not parts:
            parts += [value[kept : found.start()], replacement]
            kept = found.end()
        position = found.end() + (found.start() == found.end())
        if not everywhere or position > len(value):
            break
    return "".join(parts) + value[kept:]


def _compile(pattern: str, *, greedy: bool) -> re.Pattern[str]:
    parts = []
    # Go's scanner drops a byte order mark at the very start of what it reads
    characters = iter(pattern.removeprefix("\ufeff"))
    for character in characters:
        if character == "*":
            parts.append(".*" if greedy else ".*?")
        elif character == "?":
            parts.append(".")
        elif character == "\\":
            escaped = next(characters, "\ufffd")
            if escaped not in "*?\\}/":
                raise DockerfileError(f"invalid pattern ({pattern}) in substitution: invalid escape '\\{escaped}'")
            parts.append(re.escape(escaped))
        else:
            parts.append(re.escape(character))
    return re.compile("".join(parts))


def _reverse(pattern: str) -> str:
    """Return the pattern from right to left, with the backslashes still before what they make literal."""
    pieces = re.findall(r"\\.|.", pattern, re.DOTALL)
    return "".join(reversed(pieces))
