"""What a Dockerfile offers: its targets, and the arguments, secrets, agents and caches of one of them: pure.

Source: frontend/subrequests/targets and outline, dockerfile2llb/outline.go of moby/buildkit.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from brewhouse.dockerfile.instruction import Arg, Copy, Dockerfile, Instruction, Location, Mount, Run, Stage
from brewhouse.dockerfile.mount import parse_mount
from brewhouse.dockerfile.words import Rules, process, process_word
from brewhouse.errors import DockerfileError


class Target(msgspec.Struct, frozen=True):
    """A stage that can be built; "" for the name of one without."""

    name: str
    default: bool
    description: str
    base: str
    platform: str
    location: Location


class Argument(msgspec.Struct, frozen=True):
    """A build argument, and the value it has in this build."""

    name: str
    value: str
    description: str
    location: Location


class Wanted(msgspec.Struct, frozen=True):
    """A secret, an ssh agent or a cache that a RUN mounts."""

    name: str
    required: bool
    location: Location


class Outline(msgspec.Struct, frozen=True):
    """What can be given to the build of a target."""

    name: str
    description: str
    arguments: tuple[Argument, ...]
    secrets: tuple[Wanted, ...]
    agents: tuple[Wanted, ...]
    caches: tuple[Wanted, ...]


def list_targets(dockerfile: Dockerfile) -> list[Target]:
    """Return all stages in their order; the last is built if none is named."""
    last = len(dockerfile.stages) - 1
    return [
        Target(
            stage.from_.alias, stage.index == last, stage.description, stage.from_.image, stage.from_.platform,
            stage.from_.location,
        )
        for stage in dockerfile.stages
    ]  # fmt: skip


def outline(dockerfile: Dockerfile, target: int, known: Mapping[str, str], build_args: Mapping[str, str]) -> Outline:
    """Return what the stage `target`, and those that it needs, can be given; `known` are the global arguments."""
    stages = _needed(dockerfile, target)
    arguments: dict[str, Argument] = {}
    mounts: list[tuple[Mount, Location]] = []
    used = _used_in_from(dockerfile, stages)
    for stage in stages:
        environment: dict[str, str] = {}
        for instruction in stage.instructions:
            if isinstance(instruction, Arg):
                used |= {argument.name for argument in instruction.arguments if argument.default is None}
                _declare(instruction, environment, known, build_args, dockerfile.directives.escape)
                arguments |= {found.name: found for found in _arguments(instruction, environment)} | arguments
            mounts += _mounts(instruction, environment, dockerfile.directives.escape)
    shared = {
        found.name: found
        for instruction in dockerfile.global_args
        for found in _arguments(instruction, known)
        if found.name in used
    }
    chosen = dockerfile.stages[target]
    return Outline(
        chosen.from_.alias,
        chosen.description,
        tuple((arguments | shared).values()),
        *(tuple(_wanted(kind, mounts)) for kind in ("secret", "ssh", "cache")),
    )


def _needed(dockerfile: Dockerfile, target: int) -> list[Stage]:
    """Return the stages that a target is made of, in their order."""
    by_name = {stage.name: stage.index for stage in dockerfile.stages if stage.name}
    found: set[int] = set()
    todo = [target]
    while todo:
        index = todo.pop()
        if index in found:
            continue
        found.add(index)
        stage = dockerfile.stages[index]
        for name in (stage.from_.image, *_sources(stage.instructions)):
            number = by_name.get(name.lower(), int(name) if name.isdecimal() else -1)
            todo += [number] if 0 <= number < index else []
    return [dockerfile.stages[index] for index in sorted(found)]


def _sources(instructions: Iterable[Instruction]) -> Iterator[str]:
    for instruction in instructions:
        if isinstance(instruction, Copy):
            yield instruction.from_
        if isinstance(instruction, Run):
            yield from (mount.from_ for mount in instruction.mounts)


def _used_in_from(dockerfile: Dockerfile, stages: Iterable[Stage]) -> set[str]:
    """Return the global arguments that FROM lines, and the defaults of other such arguments, name."""
    texts = [text for stage in stages for text in (stage.from_.image, stage.from_.platform)]
    defaults = {found.name: found.default or "" for arg in dockerfile.global_args for found in arg.arguments}
    used: set[str] = set()
    while texts:
        text = texts.pop()
        try:
            names = process(text, {}, Rules(escape=dockerfile.directives.escape)).unmatched - used
        except DockerfileError:
            continue  # the build says more about it
        used |= names
        texts += [defaults[name] for name in names if name in defaults]
    return used


def _declare(
    instruction: Arg,
    environment: dict[str, str],
    known: Mapping[str, str],
    build_args: Mapping[str, str],
    escape: str,
) -> None:
    """Bring the values of an ARG into scope."""
    for argument in instruction.arguments:
        value = build_args.get(argument.name)
        if value is None and argument.default is not None:
            value = process_word(argument.default, environment, escape)
        environment[argument.name] = value if value is not None else known.get(argument.name, "")


def _arguments(instruction: Arg, values: Mapping[str, str]) -> Iterator[Argument]:
    for argument in instruction.arguments:
        value = values.get(argument.name, "")
        yield Argument(argument.name, value, argument.description, instruction.location)


def _mounts(instruction: Instruction, environment: Mapping[str, str], escape: str) -> Iterator[tuple[Mount, Location]]:
    for flag in instruction.mount_flags if isinstance(instruction, Run) else ():
        yield parse_mount(flag, lambda text: process_word(text, environment, escape)), instruction.location


def _wanted(kind: str, mounts: Iterable[tuple[Mount, Location]]) -> Iterator[Wanted]:
    """Yield each thing of a kind once; it is required if one mount says so."""
    found: dict[str, Wanted] = {}
    for mount, location in mounts:
        if mount.type == kind:
            name = mount.id or {"ssh": "default", "cache": mount.target}.get(kind, mount.target.rpartition("/")[2])
            before = found.get(name)
            required = mount.required or (before is not None and before.required)
            found[name] = Wanted(name, required, before.location if before else location)
    yield from found.values()
