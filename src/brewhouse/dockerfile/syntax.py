"""The text of a Dockerfile as nodes: one for each instruction, with its words, flags and here-documents.

Lines are joined, comments dropped and kept for descriptions; nothing is known yet of what an instruction means.
Source: parser/parser.go and split_command.go of moby/buildkit's Dockerfile frontend.
"""

import re

import msgspec

from brewhouse.dockerfile import directive, heredoc
from brewhouse.dockerfile.arguments import read_arguments, split_flags
from brewhouse.dockerfile.golang import BLANKS
from brewhouse.dockerfile.instruction import Heredoc, Location
from brewhouse.errors import DockerfileError

LONGEST_LINE_BYTES = 65_535
WHITESPACE = re.compile(r"[\t\v\f\r ]+")

_HEREDOC_INSTRUCTIONS = ("ADD", "COPY", "RUN")
_CONTINUED = {
    "\\": re.compile(r"(?<!\\)\\[ \t]*\Z"),
    "`": re.compile(r"(?<!`)`[ \t]*\Z"),
}


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """An instruction as it is written: `keyword` in its own case, `json` when its words were a JSON array.

    ENV and LABEL have three words for each pair: key, value, and "=" or "". `child` is what ONBUILD holds.
    """

    keyword: str
    args: tuple[str, ...] = ()
    json: bool = False
    flags: tuple[str, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()
    comments: tuple[str, ...] = ()
    original: str = ""
    start: int = 0
    end: int = 0
    child: "Node | None" = None

    @property
    def name(self) -> str:
        """The keyword in upper case."""
        return self.keyword.upper()


class Syntax(msgspec.Struct, frozen=True):
    """All nodes of a file, its escape character, and the nodes with an empty continued line: text and last line."""

    nodes: tuple[Node, ...]
    escape: str
    empty_continuations: tuple[tuple[str, int], ...]


def parse_syntax(text: bytes, name: str) -> Syntax:
    """Return the nodes of a file; `name` stands in the errors.

    Bytes that are not UTF-8 become U+FFFD. Raises DockerfileError with the place.
    """
    lines = _split_lines(text, name)
    escape = "\\"
    number = 1
    try:
        for found in directive.read_directives(lines):
            escape = directive.escape_of(found) if found.name == "escape" else escape
            number = found.line + 1
    except DockerfileError as error:
        raise error.at(Location(name, number, number)) from error
    return _Parser(name, lines, escape, number - 1).parse()


def _split_lines(text: bytes, name: str) -> list[str]:
    """Return the lines with their ends; a byte order mark is dropped."""
    lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_LINE_BYTES:
            raise DockerfileError(
                f"dockerfile line greater than max allowed size of {LONGEST_LINE_BYTES}",
                hint="break the line with a backslash at its end",
                location=Location(name, number, number),
            )
    ended = [line.decode(errors="replace") + "\n" for line in lines[:-1]]
    return [*ended, lines[-1].decode(errors="replace")] if lines[-1] else ended


class _Parser:
    """The lines of a file and how far they are read."""

    def __init__(self, name: str, lines: list[str], escape: str, position: int) -> None:
        self._name = name
        self._lines = lines
        self._escape = escape
        self._position = position
        self._comments: list[str] = []
        self._empty_continuations: list[tuple[str, int]] = []

    def parse(self) -> Syntax:
        nodes = []
        while self._position < len(self._lines):
            line = self._lines[self._position]
            self._position += 1
            if _is_comment(line):
                self._keep_comment(line)
            elif stripped := line.rstrip("\r\n").lstrip(BLANKS):
                nodes.append(self._node(stripped))
        if not nodes:
            place = Location(self._name, 1, max(1, len(self._lines)))
            raise DockerfileError("file with no instructions", hint="begin with FROM", location=place)
        return Syntax(tuple(nodes), self._escape, tuple(self._empty_continuations))

    def _keep_comment(self, line: str) -> None:
        comment = line[1:].strip(BLANKS)
        if comment:
            self._comments.append(comment)
        else:
            self._comments = []

    def _node(self, first: str) -> Node:
        start = self._position
        text = self._join(first)
        try:
            node = parse_node(text, self._escape)
            heredocs = self._heredocs(node) if "<<" in text else ()
        except DockerfileError as error:
            raise error.at(Location(self._name, start, self._position)) from error
        comments, self._comments = tuple(self._comments), []
        return msgspec.structs.replace(node, heredocs=heredocs, comments=comments, start=start, end=self._position)

    def _join(self, first: str) -> str:
        """Return the whole instruction that starts with line `first`: the lines after it while it is continued."""
        continued = _CONTINUED[self._escape]
        parts = [continued.sub("", first)]
        is_continued = parts[0] != first
        has_empty = False
        while is_continued and self._position < len(self._lines):
            line = self._lines[self._position].rstrip("\r\n")
            self._position += 1
            if _is_comment(line):
                continue
            if not line.strip(BLANKS):
                has_empty = True
                continue
            parts.append(continued.sub("", line))
            is_continued = parts[-1] != line
        text = "".join(parts)
        if has_empty:
            self._empty_continuations.append((text, self._position))
        return text

    def _heredocs(self, node: Node) -> tuple[Heredoc, ...]:
        """Read the bodies of the here-documents that `node` announces, one after the other."""
        holder = node.child if node.name == "ONBUILD" and node.child else node
        if holder.name not in _HEREDOC_INSTRUCTIONS or holder.json:
            return ()
        return tuple(self._body(announced) for announced in heredoc.find_heredocs(node.original))

    def _body(self, announced: Heredoc) -> Heredoc:
        for end in range(self._position, len(self._lines)):
            line = self._lines[end].rstrip("\r\n")
            if (line.lstrip("\t") if announced.chomp else line) == announced.name:
                content = "".join(self._lines[self._position : end])
                self._position = end + 1
                return msgspec.structs.replace(announced, content=content)
        self._position = len(self._lines)
        raise DockerfileError("unterminated heredoc", hint=f"end it with a line that is only {announced.name}")


def _is_comment(line: str) -> bool:
    return line.lstrip(BLANKS).startswith("#")


def parse_node(text: str, escape: str) -> Node:
    """Return one instruction, given as one line, without its here-documents and place."""
    keyword, *rest = WHITESPACE.split(text.strip(BLANKS), maxsplit=1)
    flags, body = split_flags(rest[0], escape) if rest else ((), "")
    if keyword.upper() == "ONBUILD":
        child = parse_node(body, escape) if body else None
        return Node(keyword=keyword, flags=flags, original=text, child=child)
    args, is_json = read_arguments(keyword.upper(), body, escape)
    return Node(keyword=keyword, args=args, json=is_json, flags=flags, original=text)
