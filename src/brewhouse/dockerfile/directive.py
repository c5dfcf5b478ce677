"""Parser directives: the `# name=value` comments at the very top of a Dockerfile.

Source: parser/directives.go of moby/buildkit's Dockerfile frontend.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from brewhouse.dockerfile.golang import BLANKS
from brewhouse.errors import DockerfileError

_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)[\t\f\r ]*=[\t\f\r ]*([^\t\f\r ].*)")
_NAMES = ("syntax", "escape", "check")
_ESCAPES = ("\\", "`")


class Directive(msgspec.Struct, frozen=True):
    """A directive and the line it stands on, from 1."""

    name: str
    value: str
    line: int


def read_directives(lines: Iterable[str], comment: str = "#") -> Iterator[Directive]:
    """Yield the directives; the first line that is none ends them.

    Raises DockerfileError, without the file, for one that comes twice.
    """
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\t\n\f\r ").lstrip(BLANKS)
        found = _DIRECTIVE.fullmatch(text.removeprefix(comment).lstrip(BLANKS))
        if not text.startswith(comment) or not found or found[1].lower() not in _NAMES:
            return
        name = found[1].lower()
        if name in seen:
            raise DockerfileError(f"only one {name} parser directive can be used", hint=f"delete line {number}")
        seen.add(name)
        yield Directive(name, found[2], number)


def escape_of(directive: Directive) -> str:
    """Return the character that an escape directive names; raises DockerfileError for any but backslash, backquote."""
    if directive.value not in _ESCAPES:
        problem = f"invalid escape token '{directive.value}' does not match ` or \\"
        raise DockerfileError(problem, hint="write # escape=` or # escape=\\")
    return directive.value


def detect(name: str, text: str) -> str:
    """Return the first word of directive `name`, or "".

    Other than for the escape a first line `#!...` is passed over. `syntax` is also found in `//` comments and in a JSON
    object, so that files that are no Dockerfiles can name their frontend.
    """
    if text.startswith("#!"):
        text = text.partition("\n")[2]
    comments = ("#", "//") if name == "syntax" else ("#",)
    for comment in comments:
        for directive in _until_fault(read_directives(text.split("\n"), comment)):
            if directive.name == name:
                return directive.value.partition(" ")[0]
    return _from_json(name, text) if name == "syntax" else ""


def _until_fault(directives: Iterator[Directive]) -> Iterator[Directive]:
    try:
        yield from directives
    except DockerfileError:
        return


def _from_json(name: str, text: str) -> str:
    if not text.lstrip().startswith("{"):
        return ""
    try:
        value = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).get(name)
        return msgspec.json.decode(value, type=str) if value is not None else ""
    except (msgspec.DecodeError, RecursionError):
        return ""
