"""The part of Go's text/template that people use with `--format`: fields, functions, `range`, `if`, `with`.

Source: text/template of Go's standard library, and templates/templates.go of docker/cli for the functions.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from brewhouse.errors import InputError

_ACTION = re.compile(r"\{\{(- )?\s*(.*?)\s*( -)?\}\}", re.DOTALL)
_WORD = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|`[^`]*`|[()|]|[^\s()"`|]+)""")

_KEYWORDS = ("if", "range", "with")

Nodes: TypeAlias = "tuple[Text | Action | Block, ...]"


class Text(msgspec.Struct, frozen=True):
    """Text that stands for itself."""

    text: str


class Action(msgspec.Struct, frozen=True):
    """A pipeline whose value is printed."""

    words: tuple[str, ...]


class Block(msgspec.Struct, frozen=True):
    """`if`, `range` or `with`, with what stands before and after `else`."""

    keyword: str
    words: tuple[str, ...]
    body: Nodes
    otherwise: Nodes


def render(template: str, value: object) -> str:
    """Return `template` filled in from `value`, which is made of what JSON has.

    "{{.RootFS.Type}} {{json .Config.Cmd}}" gives 'layers ["python3"]'. Raises InputError for what is not understood.
    """
    try:
        parts = list(_split(template))
        nodes = _parse(parts, closers=())
        return "".join(_render(nodes, value, value))
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise InputError(f"cannot fill in the template `{template}`: {error}", hint="see: {{json .}}") from error


def _split(template: str) -> Iterator[Text | Action]:
    """Yield text and actions in turn; `{{- ` and ` -}}` take the blanks beside them away."""
    at, trim = 0, False
    for match in _ACTION.finditer(template):
        text = template[at : match.start()]
        text = text.lstrip() if trim else text
        yield Text(text.rstrip() if match[1] else text)
        yield Action(tuple(_WORD.findall(match[2])))
        at, trim = match.end(), bool(match[3])
    rest = template[at:]
    if "{{" in rest:
        raise ValueError("an action has no end `}}`")
    yield Text(rest.lstrip() if trim else rest)


def _parse(parts: list[Text | Action], closers: Sequence[str]) -> Nodes:
    """Take parts up to one of `closers`, which stays the first of `parts`."""
    nodes: list[Text | Action | Block] = []
    while parts:
        part = parts[0]
        keyword = part.words[0] if isinstance(part, Action) and part.words else ""
        if keyword in closers:
            return tuple(nodes)
        parts.pop(0)
        if keyword in ("else", "end"):
            raise ValueError(f"`{keyword}` without a beginning")
        nodes.append(_block(part, parts) if isinstance(part, Action) and keyword in _KEYWORDS else part)
    if closers:
        raise ValueError("`end` is missing")
    return tuple(nodes)


def _block(opening: Action, parts: list[Text | Action]) -> Block:
    body = _parse(parts, ("else", "end"))
    otherwise: Nodes = ()
    if parts.pop(0) == Action(("else",)):
        otherwise = _parse(parts, ("end",))
        parts.pop(0)
    return Block(opening.words[0], opening.words[1:], body, otherwise)


def _render(nodes: Nodes, dot: object, root: object) -> Iterator[str]:
    for node in nodes:
        match node:
            case Text():
                yield node.text
            case Action():
                yield go_text(_pipeline(node.words, dot, root))
            case Block(keyword="if"):
                chosen = node.body if _pipeline(node.words, dot, root) else node.otherwise
                yield from _render(chosen, dot, root)
            case Block(keyword="with"):
                found = _pipeline(node.words, dot, root)
                yield from _render(node.body, found, root) if found else _render(node.otherwise, dot, root)
            case Block():
                yield from _range(node, dot, root)


def _range(node: Block, dot: object, root: object) -> Iterator[str]:
    found = _pipeline(node.words, dot, root)
    items = [found[key] for key in sorted(found)] if isinstance(found, dict) else found or []
    if not isinstance(items, list):
        raise TypeError("`range` wants a list")
    for item in items:
        yield from _render(node.body, item, root)
    if not items:
        yield from _render(node.otherwise, dot, root)


def _pipeline(words: Sequence[str], dot: object, root: object) -> object:
    """Return the value of "command | command": each takes the value before it as its last argument."""
    value: tuple[object, ...] = ()
    for command in _commands(words):
        value = (_command(command, value, dot, root),)
    return value[0]


def _commands(words: Sequence[str]) -> list[list[str]]:
    """Split at `|` outside of parentheses."""
    commands: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == "|" and depth == 0:
            commands.append([])
        else:
            commands[-1].append(word)
    if not all(commands) or depth:
        raise ValueError("an empty or unfinished action")
    return commands


def _command(words: Sequence[str], last: tuple[object, ...], dot: object, root: object) -> object:
    if words[0].isidentifier() and words[0] not in ("true", "false"):
        if words[0] not in _FUNCTIONS:
            raise ValueError(f"there is no function `{words[0]}` (there are: {', '.join(sorted(_FUNCTIONS))})")
        return _FUNCTIONS[words[0]](*_operands(words[1:], dot, root), *last)
    operands = _operands(words, dot, root)
    if len(operands) != 1 or last:
        raise ValueError(f"`{' '.join(words)}` is not understood")
    return operands[0]


def _operands(words: Sequence[str], dot: object, root: object) -> list[object]:
    """Return the values of fields, strings, numbers and pipelines in parentheses."""
    values: list[object] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "(":
            end, depth = at, 1
            while depth:
                depth += {"(": 1, ")": -1}.get(words[end], 0)
                end += 1
            values.append(_pipeline(words[at : end - 1], dot, root))
            at = end
        elif word.startswith("."):
            values.append(_field(word, dot))
        elif word == "$" or word.startswith("$."):
            values.append(_field(word[1:], root))
        else:
            values.append(word[1:-1] if word.startswith("`") else _literal(word))
    return values


def _literal(word: str) -> object:
    try:
        return json.loads(word)
    except ValueError:
        raise ValueError(f"`{word}` is not understood") from None


def _field(path: str, value: object) -> object:
    for name in filter(None, path.split(".")):
        if not isinstance(value, dict) or name not in value:
            known = ", ".join(f".{key}" for key in value) if isinstance(value, dict) else "none"
            raise ValueError(f"there is no `.{name}` (there are: {known})")
        value = value[name]
    return value


def go_text(value: object) -> str:
    """Return `value` as Go prints it: [a b], map[k:v], true; null as the empty list that it is in Docker's types."""
    match value:
        case None:
            return "[]"
        case bool():
            return "true" if value else "false"
        case list():
            return f"[{' '.join(map(go_text, value))}]"
        case dict():
            return f"map[{' '.join(f'{key}:{go_text(value[key])}' for key in sorted(value))}]"
        case _:
            return str(value)


def _index(value: object, *keys: object) -> object:
    for key in keys:
        match value, key:
            case list(), int():
                value = value[key]
            case dict(), str():
                value = value.get(key, "")
            case _:
                raise TypeError(f"`index` finds nothing by {key!r}")
    return value


def _join(values: object, separator: object) -> str:
    if not isinstance(values, list):
        raise TypeError("`join` wants a list")
    return str(separator).join(map(go_text, values))


def _printf(text: object, *values: object) -> str:
    """Return values in the places of %s, %v, %d and the like, with their widths."""
    shown = tuple(value if isinstance(value, int) else go_text(value) for value in values)
    return re.sub(r"(%[-+ 0-9.]*)v", r"\1s", str(text)) % shown


def _truncate(value: object, length: object) -> str:
    if not isinstance(length, int):
        raise TypeError("`truncate` wants a length")
    return go_text(value)[:length]


def _length(value: object) -> int:
    return len(value) if isinstance(value, list | dict | str) else 0


_FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "json": lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    "join": _join,
    "index": _index,
    "len": _length,
    "split": lambda value, separator: go_text(value).split(str(separator)),
    "title": lambda value: re.sub(r"(?<!\S)\S", lambda letter: letter[0].upper(), go_text(value)),
    "truncate": _truncate,
    "printf": _printf,
    "lower": lambda value: go_text(value).lower(),
    "upper": lambda value: go_text(value).upper(),
    "print": lambda *values: "".join(map(go_text, values)),
    "println": lambda *values: " ".join(map(go_text, values)) + "\n",
    "not": lambda value: not value,
    "eq": lambda value, *others: value in others,
    "ne": lambda value, other: value != other,
    "and": lambda *values: next((value for value in values if not value), values[-1]),
    "or": lambda *values: next((value for value in values if value), values[-1]),
}
