"""What a Dockerfile offers: its targets, and the arguments, secrets and agents of one of them: pure.

Source: frontend/subrequests/targets and outline, dockerfile2llb/outline.go of moby/buildkit.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from brewhouse.build.instruct import DEFAULT_PATH
from brewhouse.dockerfile.expand import expand
from brewhouse.dockerfile.instruction import Arg, Copy, Dockerfile, Env, Instruction, Location, Mount, Run, Stage
from brewhouse.dockerfile.instruction import Argument as Declared
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
    """A secret or an ssh agent that a RUN mounts."""

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


def list_targets(dockerfile: Dockerfile) -> list[Target]:
    """Return all stages in their order; the last is built if none is named."""
    last = len(dockerfile.stages) - 1
    return [
        Target(
            stage.name or "", stage.index == last, stage.description, stage.from_.image, stage.from_.platform,
            stage.from_.location,
        )
        for stage in dockerfile.stages
    ]  # fmt: skip


def outline(dockerfile: Dockerfile, target: int, known: Mapping[str, str], build_args: Mapping[str, str]) -> Outline:
    """Return what the stage `target`, and those that it needs, can be given; `known` are the global arguments.

    What several stages name is told as the target, then its base, then what is copied from says. An ARG that takes the
    value of a global one is the global one; the predefined ones of platforms are not told.
    """
    stages = _needed(dockerfile, target, known)
    environments: dict[str, Mapping[str, str]] = {}
    told = {
        stage.index: _read(stage, _Scope(dockerfile, known, build_args, environments))
        for stage in sorted(stages, key=lambda stage: stage.index)
    }
    arguments: dict[str, Argument] = {}
    mounts: list[tuple[Mount, Location]] = []
    for stage in stages:
        arguments = told[stage.index].arguments | arguments
        mounts += told[stage.index].mounts
    chosen = dockerfile.stages[target]
    return Outline(
        chosen.name or "",
        chosen.description,
        tuple(sorted(arguments.values(), key=_line)),
        *(tuple(sorted(_wanted(kind, mounts), key=_line)) for kind in ("secret", "ssh")),
    )


class _Scope(msgspec.Struct, frozen=True):
    """What variables mean in a stage: global arguments, those of the command line, environments of stages by name."""

    dockerfile: Dockerfile
    known: Mapping[str, str]
    build_args: Mapping[str, str]
    environments: dict[str, Mapping[str, str]]


class _Told(msgspec.Struct, frozen=True):
    """What one stage names: arguments, and the mounts of its RUNs."""

    arguments: dict[str, Argument]
    mounts: list[tuple[Mount, Location]]


def _read(stage: Stage, scope: _Scope) -> _Told:
    """Return what a stage names; its environment, which begins as its base's, goes into the scope."""
    dockerfile = scope.dockerfile
    shared = {
        found.name: found
        for instruction in dockerfile.global_args
        for found in _arguments(instruction, scope.known, instruction.arguments)
    }
    arguments = {name: shared[name] for name in _used_in_from(dockerfile, [stage]) if name in shared}
    base = _base(stage, scope.known, dockerfile.directives.escape)
    environment = {"PATH": DEFAULT_PATH, **scope.environments.get(base, {})}
    mounts: list[tuple[Mount, Location]] = []
    for instruction in stage.instructions:
        if isinstance(instruction, Arg):
            own = [argument for argument in instruction.arguments if not _is_global(argument, scope)]
            _declare(instruction, environment, scope.known, scope.build_args, dockerfile.directives.escape)
            arguments |= {name.name: shared[name.name] for name in instruction.arguments if name.name in shared}
            arguments |= {found.name: found for found in _arguments(instruction, environment, own)}
        if isinstance(instruction, Env):
            pairs = expand(instruction, environment, escape=dockerfile.directives.escape).pairs
            environment |= {pair.key: pair.value for pair in pairs}
        mounts += _mounts(instruction, environment, dockerfile.directives.escape)
    scope.environments[stage.name] = environment
    return _Told(arguments, mounts)


def _is_global(argument: Declared, scope: _Scope) -> bool:
    """Tell whether an ARG of a stage only takes what a global one has."""
    return argument.default is None and argument.name not in scope.build_args and argument.name in scope.known


def _line(told: Argument | Wanted) -> int:
    return told.location.start


def _base(stage: Stage, known: Mapping[str, str], escape: str) -> str:
    """Return the name that a stage is built on; one that cannot be worked out is left to the build, which says more."""
    try:
        return process_word(stage.from_.image, known, escape)
    except DockerfileError:
        return ""


def _needed(dockerfile: Dockerfile, target: int, known: Mapping[str, str]) -> list[Stage]:
    """Return the stages that a target is made of: it, then its base and what that needs, then what it copies from."""
    by_name = {stage.name: stage.index for stage in dockerfile.stages if stage.name}
    found: dict[int, Stage] = {}
    todo = [target]
    while todo:
        index = todo.pop()
        if index in found:
            continue
        stage = found[index] = dockerfile.stages[index]
        for name in reversed((_base(stage, known, dockerfile.directives.escape), *_sources(stage.instructions))):
            number = by_name.get(name.lower(), int(name) if name.isdecimal() else -1)
            todo += [number] if 0 <= number < index else []
    return list(found.values())


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


def _arguments(instruction: Arg, values: Mapping[str, str], declared: Iterable[Declared]) -> Iterator[Argument]:
    for argument in declared:
        value = values.get(argument.name, "")
        yield Argument(argument.name, value, argument.description, instruction.location)


def _mounts(instruction: Instruction, environment: Mapping[str, str], escape: str) -> Iterator[tuple[Mount, Location]]:
    for flag in instruction.mount_flags if isinstance(instruction, Run) else ():
        yield parse_mount(flag, lambda text: process_word(text, environment, escape)), instruction.location


def _wanted(kind: str, mounts: Iterable[tuple[Mount, Location]]) -> Iterator[Wanted]:
    """Yield each thing of a kind once, as the first mount has it."""
    found: dict[str, Wanted] = {}
    for mount, location in mounts:
        if mount.type == kind:
            name = mount.id or ("default" if kind == "ssh" else mount.target.rpartition("/")[2])
            found.setdefault(name, Wanted(name, mount.required, location))
    yield from found.values()
