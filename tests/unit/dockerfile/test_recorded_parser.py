"""Dockerfiles of many suites against the tree that BuildKit's parser made of them."""

from pathlib import Path

import msgspec
import pytest
from tests.support.shared import recorded

from brewhouse.dockerfile.golang import quote
from brewhouse.dockerfile.instruction import Heredoc, Stage
from brewhouse.dockerfile.parse import parse_dockerfile
from brewhouse.dockerfile.syntax import Node, parse_syntax
from brewhouse.errors import DockerfileError

ROOT = recorded("dockerfile")
PARSER = ROOT / "buildkit-parser"
NO_STAGES = "dockerfile contains no stages to build"


class RecordedHeredoc(msgspec.Struct):
    name: str
    fd: int
    expand: bool
    chomp: bool
    content: str


class RecordedNode(msgspec.Struct):
    value: str
    start_line: int
    end_line: int
    args: list[str] = []
    flags: list[str] = []
    json: bool = False
    heredocs: list[RecordedHeredoc] = []
    comment: list[str] = []
    sub: "RecordedNode | None" = None


class RecordedStage(msgspec.Struct):
    base: str
    name: str
    platform: str
    commands: list[str] | None = None


class Tree(msgspec.Struct):
    file: str
    escape: str = ""
    nodes: list[RecordedNode] = []
    warnings: list[str] | None = None
    parse_error: str = ""
    instruction_error: str = ""
    global_args: int = 0
    stages: list[RecordedStage] | None = None


TREES = [msgspec.json.decode(line, type=Tree) for line in (ROOT / "ast.jsonl").read_bytes().splitlines()]
READABLE = [tree for tree in TREES if not tree.parse_error]
WHOLE = [tree for tree in READABLE if not tree.instruction_error]


def name_of(tree: Tree) -> str:
    return str(Path(tree.file).parent)


def as_recorded(node: Node) -> RecordedNode:
    return RecordedNode(
        value=node.keyword,
        start_line=node.start,
        end_line=node.end,
        args=list(node.args),
        flags=list(node.flags),
        json=node.json,
        heredocs=[as_recorded_heredoc(document) for document in node.heredocs],
        comment=list(node.comments),
        sub=as_recorded(node.child) if node.child else None,
    )


def as_recorded_heredoc(document: Heredoc) -> RecordedHeredoc:
    return RecordedHeredoc(document.name, document.file_descriptor, document.expand, document.chomp, document.content)


def as_recorded_stage(stage: Stage) -> RecordedStage:
    spelt = {"Stopsignal": "StopSignal", "Healthcheck": "HealthCheck"}
    names = [type(instruction).__name__ for instruction in stage.instructions]
    commands = [f"{spelt.get(name, name)}Command" for name in names] or None
    return RecordedStage(stage.from_.image, stage.name, stage.from_.platform, commands)


def dump(node: Node) -> str:
    """Return the s-expression that BuildKit's Node.Dump makes, quotes included."""
    flags = " [" + " ".join(map(quote, node.flags)) + "]" if node.flags else ""
    words = [quote(word) for word in node.args]
    if node.child:
        words.append(f"({dump(node.child)})")
    return " ".join([node.keyword.lower() + flags, *words])


@pytest.mark.parametrize("tree", READABLE, ids=name_of)
def test_a_file_has_the_nodes_that_buildkit_sees(tree: Tree) -> None:
    syntax = parse_syntax((ROOT / tree.file).read_bytes(), "Dockerfile")
    assert syntax.escape == tree.escape
    assert [as_recorded(node) for node in syntax.nodes] == tree.nodes


@pytest.mark.parametrize("tree", WHOLE, ids=name_of)
def test_a_file_has_the_stages_and_warnings_that_buildkit_sees(tree: Tree) -> None:
    text = (ROOT / tree.file).read_bytes()
    if not tree.stages:
        with pytest.raises(DockerfileError, match=NO_STAGES):
            parse_dockerfile(text, "Dockerfile")
        return
    dockerfile = parse_dockerfile(text, "Dockerfile")
    assert [as_recorded_stage(stage) for stage in dockerfile.stages] == [
        msgspec.structs.replace(stage, commands=stage.commands or None) for stage in tree.stages
    ]
    assert len(dockerfile.global_args) == tree.global_args
    assert [warning.message for warning in dockerfile.warnings] == (tree.warnings or [])


@pytest.mark.parametrize("tree", [tree for tree in TREES if tree.instruction_error or tree.parse_error], ids=name_of)
def test_a_file_is_refused_with_the_words_and_the_line_of_buildkit(tree: Tree) -> None:
    with pytest.raises(DockerfileError) as caught:
        parse_dockerfile((ROOT / tree.file).read_bytes(), "Dockerfile")
    place, _, problem = (tree.parse_error or tree.instruction_error).partition(": ")
    assert caught.value.problem == (problem or place)
    assert caught.value.location
    if problem:
        assert place.endswith(f"line {caught.value.location.start}")


@pytest.mark.parametrize("folder", sorted((PARSER / "testfiles").iterdir()), ids=lambda folder: folder.name)
def test_a_file_of_the_parser_suite_dumps_as_its_result_says(folder: Path) -> None:
    nodes = parse_syntax((folder / "Dockerfile").read_bytes(), "Dockerfile").nodes
    assert [f"({dump(node)})" for node in nodes] == (folder / "result").read_text().rstrip("\n").split("\n")


@pytest.mark.parametrize("folder", sorted((PARSER / "testfiles-negative").iterdir()), ids=lambda folder: folder.name)
def test_a_file_of_the_negative_parser_suite_is_refused(folder: Path) -> None:
    with pytest.raises(DockerfileError):
        parse_dockerfile((folder / "Dockerfile").read_bytes(), "Dockerfile")


def test_instructions_start_and_end_on_the_recorded_lines() -> None:
    lines = msgspec.json.decode((PARSER / "testfile-line/lines.json").read_bytes(), type=dict[str, list[object]])
    nodes = parse_syntax((PARSER / "testfile-line/Dockerfile").read_bytes(), "Dockerfile").nodes
    assert [[node.start, node.end] for node in nodes] == lines["children"]
