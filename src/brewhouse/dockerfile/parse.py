"""The text of a Dockerfile to stages of instructions.

Source: Parse of instructions/parse.go and toDispatchState of dockerfile2llb in moby/buildkit.
"""

import msgspec

from brewhouse.dockerfile.directive import detect
from brewhouse.dockerfile.instruction import (
    Arg,
    Directives,
    Dockerfile,
    DockerfileWarning,
    From,
    Instruction,
    Location,
    Maintainer,
    Onbuild,
    Stage,
)
from brewhouse.dockerfile.read import description, read_instruction
from brewhouse.dockerfile.syntax import Syntax, parse_syntax
from brewhouse.errors import DockerfileError


def parse_dockerfile(text: bytes, name: str) -> Dockerfile:
    """Return the stages of a Dockerfile, variables not yet expanded; `name` stands in errors and locations.

    Raises DockerfileError with its place for anything that BuildKit refuses before it builds.
    """
    if not text:
        raise DockerfileError(f"the Dockerfile cannot be empty ({name})", hint="begin with FROM")
    syntax = parse_syntax(text, name)
    global_args, stages = _read_stages(syntax, name)
    decoded = text.removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
    directives = Directives(detect("syntax", decoded), syntax.escape, detect("check", decoded))
    return Dockerfile(global_args, stages, directives, empty_continuations(syntax, name))


def empty_continuations(syntax: Syntax, name: str) -> tuple[DockerfileWarning, ...]:
    """Return a warning for each instruction in which a continued line was empty."""
    return tuple(
        DockerfileWarning(
            "NoEmptyContinuation", f"Empty continuation line found in: {text}", Location(name, line, line)
        )
        for text, line in syntax.empty_continuations
    )


def _read_stages(syntax: Syntax, name: str) -> tuple[tuple[Arg, ...], tuple[Stage, ...]]:
    global_args: list[Arg] = []
    heads: list[Stage] = []
    bodies: list[list[Instruction]] = []
    for node in syntax.nodes:
        location = Location(name, node.start, node.end)
        instruction = read_instruction(node, location, syntax.escape)
        if isinstance(instruction, From):
            stage_name = instruction.alias.lower()
            heads.append(Stage(stage_name, len(heads), instruction, (), description(node.comments, stage_name)))
            bodies.append([])
        elif heads:
            bodies[-1].append(instruction)
        elif isinstance(instruction, Arg):
            global_args.append(instruction)
        else:
            raise DockerfileError("no build stage in current context", hint="begin with FROM", location=location)
    if not heads:
        problem = "dockerfile contains no stages to build"
        raise DockerfileError(problem, hint="write FROM", location=Location(name, 1, syntax.nodes[-1].end))
    stages = (msgspec.structs.replace(head, instructions=tuple(body)) for head, body in zip(heads, bodies, strict=True))
    return tuple(global_args), tuple(stages)


def parse_trigger(text: str, *, location: Location) -> Instruction:
    """Return the instruction of an ONBUILD trigger; its place is that of the FROM that brought it in."""
    try:
        nodes = parse_syntax(text.encode(), location.file).nodes
    except DockerfileError as error:
        raise DockerfileError(f"onbuild trigger: {error.problem}", hint=error.hint, location=location) from error
    if len(nodes) != 1:
        raise DockerfileError("onbuild trigger should be a single expression", location=location)
    instruction = read_instruction(nodes[0], location, "\\")
    if isinstance(instruction, From | Onbuild | Maintainer):
        raise DockerfileError(f"{nodes[0].name} isn't allowed as an ONBUILD trigger", location=location)
    return instruction
