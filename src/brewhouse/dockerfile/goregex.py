r"""Go's regular expressions in Python's: only as far as moby's path patterns can lead to them.

What moby hands to Go's regexp is a path pattern with some characters replaced, so brackets and backslashes in it mean
what they mean to Go: `\d` a digit, `[[:alpha:]]` a letter, `[a-]` two characters, `a{2}` and `a|b` repeats and choices.
Source: regexp/syntax of Go.
"""

import re

from brewhouse.errors import DockerfileError

_ESCAPES = {
    **{letter: f"\\{letter}" for letter in "dDsSwWbBafnrtv"},
    "A": "^",
    "z": r"\Z",
}
_SETS = frozenset("dDsSwW")
# Go matches anywhere, and only what stands before the first `|` begins with a `^`
_PLAIN = {"$": r"\Z", "]": r"\]", "{": r"\{", "|": "|(?s:.*)"}
_REPEAT = r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}"
_MOST_REPEATS = 1000
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}


def compile_go(expression: str, pattern: str) -> re.Pattern[str]:
    """Return the compiled expression; `pattern` is what the user wrote, and named in the DockerfileError."""
    try:
        return re.compile(_translate(expression), re.ASCII)
    except (IndexError, KeyError, re.error) as error:
        raise DockerfileError(f"syntax error in pattern: {pattern}", hint="escape brackets with a backslash") from error


def _translate(expression: str) -> str:
    parts = []
    position = 0
    while position < len(expression):
        character = expression[position]
        if character == "\\":
            parts.append(_escape(expression[position + 1]))
            position += 2
        elif character == "[":
            text, position = _class(expression, position)
            parts.append(text)
        elif repeat := re.compile(_REPEAT).match(expression, position):
            parts.append(_repeat(repeat))
            position = repeat.end()
        else:
            parts.append(_PLAIN.get(character, character))
            position += 1
    return "".join(parts)


def _repeat(found: re.Match[str]) -> str:
    """Return a count such as {2} or {1,3}; a KeyError for one that Go refuses."""
    if any(int(count[:9]) > _MOST_REPEATS for count in (found[1], found[3] or "0")):
        raise KeyError(found[0])
    return found[0]


def _escape(character: str) -> str:
    """Return a backslash and `character` in Python's words; a KeyError where Go refuses or nobody means it."""
    return _ESCAPES[character] if character.isascii() and character.isalnum() else re.escape(character)


def _class(expression: str, position: int) -> tuple[str, int]:
    """Return the bracket expression at `position`, and where it ends."""
    position += 1
    negation = "^" if expression[position] == "^" else ""
    position += len(negation)
    parts: list[str] = []
    while expression[position] != "]" or not parts:
        posix = re.compile(r"\[:(\^?)(\w+):\]").match(expression, position)
        if posix and not posix[1]:
            parts.append(_POSIX[posix[2]])
            position = posix.end()
            continue
        low, position = _class_character(expression, position)
        if expression[position] == "-" and expression[position + 1] != "]" and low[1:] not in _SETS:
            high, position = _class_character(expression, position + 1)
            low = f"{low}-{high}"
        parts.append(low)
    return f"[{negation}{''.join(parts)}]", position + 1


def _class_character(expression: str, position: int) -> tuple[str, int]:
    character = expression[position]
    if character == "\\":
        return _escape(expression[position + 1]), position + 2
    return re.escape(character) if character in "[]\\^-&|~" else character, position + 1
