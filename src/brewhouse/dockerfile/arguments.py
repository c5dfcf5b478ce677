"""The words behind an instruction's name, by the form that the instruction takes.

Source: parser/line_parsers.go and split_command.go of moby/buildkit's Dockerfile frontend.
"""

import json
import re
from typing import NoReturn

from brewhouse.dockerfile.golang import BLANKS, quote
from brewhouse.errors import DockerfileError

_WHITESPACE = re.compile(r"[\t\v\f\r ]+")
# blanks of other alphabets are more than a byte, and bytes are looked at here
_BLANKS = r"[\t\n\v\f\r ]+"
_TEXT = ("MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR")
_TEXT_OR_JSON = ("CMD", "ENTRYPOINT", "RUN", "SHELL")
_LIST_OR_JSON = ("ADD", "COPY", "VOLUME")
_LIST = ("EXPOSE", "FROM")

Arguments = tuple[tuple[str, ...], bool]


def read_arguments(name: str, text: str, escape: str) -> Arguments:
    """Return the words of `text`, and whether they were a JSON array; one, empty, for an unknown instruction."""
    if name in _TEXT:
        return ((text,) if text else ()), False
    if name in _TEXT_OR_JSON:
        return _text_or_json(text)
    if name in _LIST_OR_JSON:
        strings = parse_strings(text)
        return (_split(text), False) if strings is None else (strings, True)
    if name in _LIST:
        return _split(text), False
    if name in ("ENV", "LABEL"):
        return _pairs(name, text, escape), False
    if name == "ARG":
        return tuple(split_words(text, escape)), False
    if name == "HEALTHCHECK":
        return _healthcheck(text)
    return ("",), False


def _split(text: str) -> tuple[str, ...]:
    return tuple(_WHITESPACE.split(text)) if text else ()


def _text_or_json(text: str) -> Arguments:
    strings = parse_strings(text)
    if strings is not None:
        return strings, True
    return ((text,) if text else ()), False


def _healthcheck(text: str) -> Arguments:
    kind, *command = re.split(_BLANKS, text, maxsplit=1)
    if not kind:
        return (), False
    args, is_json = _text_or_json("".join(command))
    return (kind, *args), is_json


def parse_strings(text: str) -> tuple[str, ...] | None:
    """Return the strings of a JSON array, or None where `text` is not an array (or not JSON: the shell form).

    Raises DockerfileError for an array that holds something else than strings.
    """
    text = text.lstrip(BLANKS)
    if not text.startswith("["):
        return None
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(value, str) for value in values):
        raise DockerfileError(
            "when using JSON array syntax, arrays must be comprised of strings only",
            hint='put every element in double quotes: ["a", "1"]',
        )
    # a lone surrogate such as "\\ud800" is no character and could not be written anywhere
    return tuple(value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for value in values)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def _pairs(name: str, text: str, escape: str) -> tuple[str, ...]:
    """Return key, value and "=" for each `key=value`; key, the whole rest and "" for the form with a blank."""
    words = split_words(text, escape)
    if not words:
        return ()
    if "=" not in words[0]:
        key, *value = _WHITESPACE.split(text, maxsplit=1)
        if not value:
            raise DockerfileError(f"{name} must have two arguments", hint=f"write {name} {key}=value")
        return (key, value[0], "")
    args: list[str] = []
    for word in words:
        key, equals, value_text = word.partition("=")
        if not equals:
            raise DockerfileError(
                f"syntax error - can't find = in {quote(word)}. Must be of the form: name=value",
                hint="put a value with blanks in quotes",
            )
        args += [key, value_text, equals]
    return tuple(args)


def split_words(text: str, escape: str) -> list[str]:
    r"""Return the words of `text`, their quotes and escapes still in them: `a="b c" d\ e`."""
    words: list[str] = []
    word: list[str] = []
    open_quote = ""
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if not open_quote and character in BLANKS:
            if word:
                words.append("".join(word))
                word = []
            continue
        if character == escape and open_quote != "'":
            if position == len(text):
                break
            word.append(escape)
            character = text[position]
            position += 1
        elif open_quote:
            open_quote = "" if character == open_quote else open_quote
        elif character in "'\"":
            open_quote = character
        word.append(character)
    return [*words, "".join(word)] if word else words


def split_flags(text: str, escape: str) -> tuple[tuple[str, ...], str]:
    """Return the words that start with `--`, quotes and escapes worked out, and the text behind them.

    `--from=a --link x y` is ("--from=a", "--link") and "x y"; a word `--` ends the flags and is dropped.
    """
    flags: list[str] = []
    position = 0
    while True:
        rest = text[position:].lstrip(BLANKS)
        if not rest.startswith("--"):
            return tuple(flags), rest.rstrip(BLANKS)
        flag, length = _read_flag(rest, escape)
        position = len(text) - len(rest) + length
        if flag == "--":
            return tuple(flags), text[position:].strip(BLANKS)
        flags.append(flag)


def _read_flag(text: str, escape: str) -> tuple[str, int]:
    """Return the first word of `text`, and how long it is there."""
    word: list[str] = []
    open_quote = ""
    position = 0
    while position < len(text):
        character = text[position]
        if not open_quote and character in BLANKS:
            break
        position += 1
        if character == open_quote:
            open_quote = ""
        elif not open_quote and character in "'\"":
            open_quote = character
        elif character != escape:
            word.append(character)
        else:
            word.append(text[position : position + 1])
            position += 1
    return "".join(word), min(position, len(text))
