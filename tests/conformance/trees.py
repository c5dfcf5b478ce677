"""Dockerfiles of many suites against the tree that BuildKit's parser made of them."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from brewhouse.dockerfile.golang import quote
from brewhouse.dockerfile.instruction import Heredoc, Stage
from brewhouse.dockerfile.parse import parse_dockerfile
from brewhouse.dockerfile.syntax import Node, parse_syntax
from brewhouse.errors import DockerfileError
from tests.conformance.case import beside
from tests.conformance.check import Bench, Check, unequal

_NO_STAGES = "dockerfile contains no stages to build"
_NEGATIVE = "testfiles-negative"
_SPELT = {"Stopsignal": "StopSignal", "Healthcheck": "HealthCheck"}


class _Document(msgspec.Struct):
    name: str
    fd: int
    expand: bool
    chomp: bool
    content: str


class _Node(msgspec.Struct):
    value: str
    start_line: int
    end_line: int
    args: list[str] = []
    flags: list[str] = []
    json: bool = False
    heredocs: list[_Document] = []
    comment: list[str] = []
    sub: "_Node | None" = None


class _Stage(msgspec.Struct):
    base: str
    name: str
    platform: str
    commands: list[str] | None = None


class _Tree(msgspec.Struct):
    """What the parser made of `file`: nodes, or an error of the parser or of an instruction's reader."""

    file: str = ""
    escape: str = ""
    nodes: list[_Node] = []
    warnings: list[str] | None = None
    parse_error: str = ""
    instruction_error: str = ""
    global_args: int = 0
    stages: list[_Stage] | None = None


def tree_checks(table: Path) -> Iterator[Check]:
    """Yield a check for each tree in `ast.jsonl`, whose files lie beside it or above."""
    for line in table.read_bytes().splitlines():
        tree = msgspec.json.decode(line, type=_Tree)
        if tree.file:
            name = f"trees/{Path(tree.file).parent}"
            yield Check(name, _caught(partial(_tree, tree, beside(table.resolve(), tree.file))))


def parser_checks(folder: Path) -> Iterator[Check]:
    """Yield a check for each file of the parser's own suite: dumps, files to be refused, first and last lines."""
    for result in sorted(folder.rglob("result")):
        yield Check(f"parser/{result.parent.name}", _caught(partial(_dump, result)))
    for file in sorted(folder.resolve().rglob("Dockerfile")):
        if _NEGATIVE in file.parts:
            yield Check(f"parser-negative/{file.parent.name}", partial(_refused, file))
    for lines in sorted(folder.rglob("lines.json")):
        yield Check(f"parser-lines/{lines.parent.name}", _caught(partial(_lines, lines)))


def _caught(check: Callable[[], Iterator[str]]) -> Callable[[Bench], list[str]]:
    """Return a check for which an error is a difference."""

    def run(_bench: Bench) -> list[str]:
        try:
            return list(check())
        except DockerfileError as error:
            return [f"error: {error.message}"]

    return run


def _tree(tree: _Tree, file: Path) -> Iterator[str]:
    text = file.read_bytes()
    if not tree.parse_error:
        syntax = parse_syntax(text, "Dockerfile")
        yield from unequal("escape", tree.escape, syntax.escape)
        yield from unequal("nodes", tree.nodes, [_recorded(node) for node in syntax.nodes])
    if tree.parse_error or tree.instruction_error:
        yield from _error(tree.parse_error or tree.instruction_error, text)
    elif not tree.stages:
        yield from _error(_NO_STAGES, text)
    else:
        yield from _stages(tree, tree.stages, text)


def _stages(tree: _Tree, stages: list[_Stage], text: bytes) -> Iterator[str]:
    dockerfile = parse_dockerfile(text, "Dockerfile")
    recorded = [msgspec.structs.replace(stage, commands=stage.commands or None) for stage in stages]
    yield from unequal("stages", recorded, [_recorded_stage(stage) for stage in dockerfile.stages])
    yield from unequal("global arguments", tree.global_args, len(dockerfile.global_args))
    yield from unequal("warnings", tree.warnings or [], [warning.message for warning in dockerfile.warnings])


def _error(recorded: str, text: bytes) -> Iterator[str]:
    place, _, problem = recorded.partition(": ")
    try:
        parse_dockerfile(text, "Dockerfile")
    except DockerfileError as error:
        yield from unequal("problem", problem or place, error.problem)
        if error.location is None:
            yield "the error has no place"
        elif problem and not place.endswith(f"line {error.location.start}"):
            yield f"place: recorded {place}, is line {error.location.start}"
    else:
        yield f"recorded the error {recorded!r}, is a Dockerfile"


def _dump(result: Path) -> Iterator[str]:
    nodes = parse_syntax((result.parent / "Dockerfile").read_bytes(), "Dockerfile").nodes
    yield from unequal(
        "dump", result.read_text().rstrip("\n").split("\n"), [f"({_expression(node)})" for node in nodes]
    )


def _refused(file: Path, _bench: Bench) -> list[str]:
    try:
        parse_dockerfile(file.read_bytes(), "Dockerfile")
    except DockerfileError:
        return []
    return ["is a Dockerfile, but must not be one"]


def _lines(lines: Path) -> Iterator[str]:
    recorded = msgspec.json.decode(lines.read_bytes(), type=dict[str, list[object]])
    nodes = parse_syntax((lines.parent / "Dockerfile").read_bytes(), "Dockerfile").nodes
    yield from unequal("lines", recorded["children"], [[node.start, node.end] for node in nodes])


def _recorded(node: Node) -> _Node:
    return _Node(
        value=node.keyword,
        start_line=node.start,
        end_line=node.end,
        args=list(node.args),
        flags=list(node.flags),
        json=node.json,
        heredocs=[_recorded_document(document) for document in node.heredocs],
        comment=list(node.comments),
        sub=_recorded(node.child) if node.child else None,
    )


def _recorded_document(document: Heredoc) -> _Document:
    return _Document(document.name, document.file_descriptor, document.expand, document.chomp, document.content)


def _recorded_stage(stage: Stage) -> _Stage:
    names = [type(instruction).__name__ for instruction in stage.instructions]
    commands = [f"{_SPELT.get(name, name)}Command" for name in names] or None
    return _Stage(stage.from_.image, stage.name, stage.from_.platform, commands)


def _expression(node: Node) -> str:
    """Return the s-expression that BuildKit's Node.Dump makes, quotes included."""
    flags = " [" + " ".join(map(quote, node.flags)) + "]" if node.flags else ""
    words = [quote(word) for word in node.args]
    if node.child:
        words.append(f"({_expression(node.child)})")
    return " ".join([node.keyword.lower() + flags, *words])
