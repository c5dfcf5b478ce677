"""The rules of `--call=check` that look at the instructions of a stage, one after the other.

Source: dispatch and its callees in dockerfile2llb of moby/buildkit.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec

from brewhouse.dockerfile.expand import INLINE
from brewhouse.dockerfile.golang import parse_csv, quote
from brewhouse.dockerfile.instruction import (
    Add,
    Arg,
    Cmd,
    Copy,
    Dockerfile,
    DockerfileWarning,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Run,
    Shell,
    Stage,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.dockerfile.words import Rules, process
from brewhouse.errors import DockerfileError

_SECRET = re.compile(
    r"(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)", re.IGNORECASE
)
_NO_SECRET = re.compile(r"(?:_|^)(?:public|file|version)(?:_|$)", re.IGNORECASE)
# A drive stands in the paths of images for Windows only.
_ABSOLUTE = re.compile(r"/|[A-Za-z]:[\\/]")
_PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


class Base(msgspec.Struct, frozen=True):
    """What a base brings into a stage: its environment, whether it has a SHELL of its own, and ONBUILD instructions.

    `stage` is the index of the stage above that it is, if it is one.
    """

    environment: Mapping[str, str] = {}
    has_shell: bool = False
    triggers: tuple[Instruction, ...] = ()
    stage: int | None = None


class Given(msgspec.Struct, frozen=True):
    """What a build gives to all stages: --build-arg, and the ARGs before the first FROM, predefined ones too."""

    build_args: Mapping[str, str] = {}
    global_args: Mapping[str, str] = {}


class _State(msgspec.Struct):
    """What the instructions so far have set; `is_whole` when the environment of the base is known."""

    environment: dict[str, str]
    declared: set[str]
    is_whole: bool
    has_workdir: bool
    has_shell: bool


def lint_stages(
    dockerfile: Dockerfile, bases: Mapping[int, Base], wanted: Collection[int] | None, given: Given
) -> Iterator[DockerfileWarning]:
    """Yield the warnings of all stages, or of those wanted; one that stands on another inherits what that has set."""
    done: list[_State] = []
    escape = dockerfile.directives.escape
    for stage in dockerfile.stages:
        base = bases.get(stage.index) or _written_base(stage, dockerfile.stages)
        state = _begin(base, done)
        instructions = (*base.triggers, *stage.instructions) if base else stage.instructions
        is_wanted = wanted is None or stage.index in wanted
        yield from _only_last_counts(instructions) if is_wanted else ()
        for instruction in (part for whole in instructions for part in _parts(whole)):
            if is_wanted:
                yield from _simple_rules(instruction, state, escape)
                yield from _undefined_variables(instruction, state, escape, given)
            _follow(instruction, state, escape, given)
        done.append(state)


def _written_base(stage: Stage, stages: Sequence[Stage]) -> Base | None:
    """Return what can be said of a base without looking it up: it is scratch, or a stage above."""
    name = stage.from_.image
    above = [former.index for former in stages[: stage.index] if former.name == name]
    if above:
        return Base(stage=above[-1])
    return Base() if name == "scratch" else None


def _begin(base: Base | None, done: Sequence[_State]) -> _State:
    if base is None:
        return _State(dict(_PATH), set(), is_whole=False, has_workdir=False, has_shell=False)
    if base.stage is not None and base.stage < len(done):
        former = done[base.stage]
        return msgspec.structs.replace(former, environment=dict(former.environment), declared=set(former.declared))
    return _State({**_PATH, **base.environment}, set(), is_whole=True, has_workdir=False, has_shell=base.has_shell)


def _parts(instruction: Instruction) -> Sequence[Instruction]:
    """Return an ARG as one for each of its arguments, since each sees those before it."""
    if not isinstance(instruction, Arg):
        return (instruction,)
    return [msgspec.structs.replace(instruction, arguments=(argument,)) for argument in instruction.arguments]


def _only_last_counts(instructions: Sequence[Instruction]) -> Iterator[DockerfileWarning]:
    for kind in (Cmd, Entrypoint, Healthcheck):
        places = [instruction for instruction in instructions if isinstance(instruction, kind)]
        for former, later in pairwise(places):
            message = f"Multiple {_keyword(later)} instructions should not be used in the same stage"
            message += " because only the last one will be used"
            yield DockerfileWarning("MultipleInstructionsDisallowed", message, former.location)


def _keyword(instruction: Instruction) -> str:
    return instruction.original.split(maxsplit=1)[0]


def _simple_rules(instruction: Instruction, state: _State, escape: str) -> Iterator[DockerfileWarning]:
    location, keyword = instruction.location, _keyword(instruction)
    match instruction:
        case Cmd() | Entrypoint() if instruction.command.shell and not state.has_shell:
            purpose = "to prevent unintended behavior related to OS signals"
            message = f"JSON arguments recommended for {keyword} {purpose}"
            yield DockerfileWarning("JSONArgsRecommended", message, location)
        case Workdir() if not state.has_workdir:
            path = _value(instruction.path, state.environment, escape)
            if not _ABSOLUTE.match(path):
                message = f"Relative workdir {quote(path)} can have unexpected results if the base image changes"
                yield DockerfileWarning("WorkdirRelativePath", message, location)
        case Env() | Label():
            if any(pair.legacy for pair in instruction.pairs):
                message = f'"{keyword} key=value" should be used instead of legacy "{keyword} key value" format'
                yield DockerfileWarning("LegacyKeyValueFormat", message, location)
        case Expose():
            yield from _ports(instruction)
    for name in _stored_names(instruction, state, escape):
        if _SECRET.search(name) and not _NO_SECRET.search(name):
            kind = type(instruction).__name__.upper()
            message = f"Do not use ARG or ENV instructions for sensitive data ({kind} {quote(name)})"
            yield DockerfileWarning("SecretsUsedInArgOrEnv", message, location)


def _ports(instruction: Expose) -> Iterator[DockerfileWarning]:
    for port in instruction.ports:
        protocol = port.partition("/")[2]
        if protocol.lower() != protocol and "$" not in protocol:
            message = f"Defined protocol '{port}' in EXPOSE instruction should be lowercase"
            yield DockerfileWarning("ExposeProtoCasing", message, instruction.location)
        if ":" in port and "$" not in port:
            message = f"EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'"
            yield DockerfileWarning("ExposeInvalidFormat", message, instruction.location)


def _stored_names(instruction: Instruction, state: _State, escape: str) -> list[str]:
    """Return the names that an ARG or ENV stores in the image's history or config."""
    match instruction:
        case Env():
            return [_value(pair.key, state.environment, escape) for pair in instruction.pairs]
        case Arg():
            return [argument.name for argument in instruction.arguments]
        case _:
            return []


def _undefined_variables(
    instruction: Instruction, state: _State, escape: str, given: Given
) -> Iterator[DockerfileWarning]:
    if not state.is_whole:
        return
    unmatched: set[str] = set()
    words = [(text, Rules(escape=escape)) for text in _expanded_texts(instruction, given)]
    for text, rules in [*words, *((text, INLINE) for text in _inline_texts(instruction))]:
        try:
            unmatched |= process(text, state.environment, rules).unmatched
        except DockerfileError:
            continue  # the build will refuse it, which says more than a warning
    for name in sorted(unmatched - state.declared):
        similar = did_you_mean(name, state.environment).replace("mean ", "mean $")
        message = f"Usage of undefined variable '${name}'{similar}"
        yield DockerfileWarning("UndefinedVar", message, instruction.location)


def _expanded_texts(instruction: Instruction, given: Given) -> tuple[str, ...]:
    """Return the words in which variables are looked for; those of EXPOSE are not, as in BuildKit."""
    match instruction:
        case Env() | Label():
            return tuple(text for pair in instruction.pairs for text in (pair.key, pair.value))
        case Arg():
            used = (argument for argument in instruction.arguments if argument.name not in given.build_args)
            return tuple(argument.default for argument in used if argument.default is not None)
        case Copy() | Add():
            checksum = instruction.checksum if isinstance(instruction, Add) else ""
            return (*instruction.sources, instruction.destination, instruction.chown, instruction.chmod, checksum)
        case Run():
            fields = (field for flag in instruction.mount_flags for field in parse_csv(flag))
            return tuple(field.partition("=")[2] for field in fields)
        case Volume():
            return instruction.paths
        case _:
            return _only_text(instruction)


def _inline_texts(instruction: Instruction) -> Iterator[str]:
    if isinstance(instruction, Copy | Add):
        yield from (file.content for file in instruction.files if file.expand)


def _only_text(instruction: Instruction) -> tuple[str, ...]:
    match instruction:
        case Workdir():
            return (instruction.path,)
        case User():
            return (instruction.user,)
        case Stopsignal():
            return (instruction.signal,)
        case _:
            return ()


def _follow(instruction: Instruction, state: _State, escape: str, given: Given) -> None:
    """Bring the state behind an instruction; values that only a build knows are empty."""
    match instruction:
        case Env():
            before = dict(state.environment)
            for pair in instruction.pairs:
                state.environment[pair.key] = _value(pair.value, before, escape)
        case Arg():
            for argument in instruction.arguments:
                state.declared.add(argument.name)
                value = given.build_args.get(argument.name)
                if value is None and argument.default is not None:
                    value = _value(argument.default, state.environment, escape)
                if value is None:
                    value = given.global_args.get(argument.name)
                if value is not None:
                    state.environment[argument.name] = value
        case Workdir():
            state.has_workdir = True
        case Shell():
            state.has_shell = True


def _value(text: str, environment: Mapping[str, str], escape: str) -> str:
    try:
        return process(text, environment, Rules(escape=escape)).text
    except DockerfileError:
        return ""
