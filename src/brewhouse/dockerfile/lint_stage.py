"""The rules of `--call=check` that look at the instructions of a stage, one after the other.

Source: dispatch and its callees in dockerfile2llb of moby/buildkit.
"""

import re
from collections.abc import Collection, Iterator, Mapping

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
    """What a base image brings into a stage: its environment, and whether it has a SHELL of its own."""

    environment: Mapping[str, str] = {}
    has_shell: bool = False


class _State(msgspec.Struct):
    """What the instructions so far have set; `is_whole` when the environment of the base is known."""

    environment: dict[str, str]
    declared: set[str]
    is_whole: bool
    has_workdir: bool
    has_shell: bool


def lint_stages(
    dockerfile: Dockerfile, bases: Mapping[int, Base], wanted: Collection[int] | None
) -> Iterator[DockerfileWarning]:
    """Yield the warnings of all stages, or of those wanted; one that stands on another inherits what that has set."""
    done: dict[str, _State] = {}
    escape = dockerfile.directives.escape
    for stage in dockerfile.stages:
        state = _begin(stage, done, bases)
        is_wanted = wanted is None or stage.index in wanted
        yield from _only_last_counts(stage) if is_wanted else ()
        for instruction in stage.instructions:
            if is_wanted:
                yield from _simple_rules(instruction, state)
                yield from _undefined_variables(instruction, state, escape)
            _follow(instruction, state, escape)
        if stage.name:
            done[stage.name] = state


def _begin(stage: Stage, done: Mapping[str, _State], bases: Mapping[int, Base]) -> _State:
    former = done.get(stage.from_.image)
    if former is not None:
        return _State(
            dict(former.environment), set(former.declared), former.is_whole, former.has_workdir, former.has_shell
        )
    is_whole, base = stage.index in bases or stage.from_.image == "scratch", bases.get(stage.index, Base())
    return _State({**_PATH, **base.environment}, set(), is_whole, has_workdir=False, has_shell=base.has_shell)


def _only_last_counts(stage: Stage) -> Iterator[DockerfileWarning]:
    for kind in (Cmd, Entrypoint, Healthcheck):
        places = [instruction for instruction in stage.instructions if isinstance(instruction, kind)]
        for place in places[:-1]:
            name = _keyword(place)
            message = f"Multiple {name} instructions should not be used in the same stage"
            message += " because only the last one will be used"
            yield DockerfileWarning("MultipleInstructionsDisallowed", message, place.location)


def _keyword(instruction: Instruction) -> str:
    return instruction.original.split(maxsplit=1)[0]


def _simple_rules(instruction: Instruction, state: _State) -> Iterator[DockerfileWarning]:
    location, keyword = instruction.location, _keyword(instruction)
    match instruction:
        case Cmd() | Entrypoint() if instruction.command.shell and not state.has_shell:
            purpose = "to prevent unintended behavior related to OS signals"
            message = f"JSON arguments recommended for {keyword} {purpose}"
            yield DockerfileWarning("JSONArgsRecommended", message, location)
        case Workdir() if not state.has_workdir and not _ABSOLUTE.match(instruction.path):
            message = (
                f"Relative workdir {quote(instruction.path)} can have unexpected results if the base image changes"
            )
            yield DockerfileWarning("WorkdirRelativePath", message, location)
        case Env() | Label():
            if any(pair.legacy for pair in instruction.pairs):
                message = f'"{keyword} key=value" should be used instead of legacy "{keyword} key value" format'
                yield DockerfileWarning("LegacyKeyValueFormat", message, location)
        case Expose():
            yield from _ports(instruction)
    for name in _stored_names(instruction):
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


def _stored_names(instruction: Instruction) -> list[str]:
    """Return the names that an ARG or ENV stores in the image's history or config."""
    match instruction:
        case Env():
            return [pair.key for pair in instruction.pairs]
        case Arg():
            return [argument.name for argument in instruction.arguments]
        case _:
            return []


def _undefined_variables(instruction: Instruction, state: _State, escape: str) -> Iterator[DockerfileWarning]:
    if not state.is_whole:
        return
    unmatched: set[str] = set()
    words = [(text, Rules(escape=escape)) for text in _expanded_texts(instruction)]
    for text, rules in [*words, *((text, INLINE) for text in _inline_texts(instruction))]:
        try:
            unmatched |= process(text, state.environment, rules).unmatched
        except DockerfileError:
            continue  # the build will refuse it, which says more than a warning
    for name in sorted(unmatched - state.declared):
        similar = did_you_mean(name, state.environment).replace("mean ", "mean $")
        message = f"Usage of undefined variable '${name}'{similar}"
        yield DockerfileWarning("UndefinedVar", message, instruction.location)


def _expanded_texts(instruction: Instruction) -> tuple[str, ...]:
    match instruction:
        case Env() | Label():
            return tuple(text for pair in instruction.pairs for text in (pair.key, pair.value))
        case Arg():
            return tuple(argument.default for argument in instruction.arguments if argument.default is not None)
        case Copy() | Add():
            checksum = instruction.checksum if isinstance(instruction, Add) else ""
            return (*instruction.sources, instruction.destination, instruction.chown, instruction.chmod, checksum)
        case Run():
            fields = (field for flag in instruction.mount_flags for field in parse_csv(flag))
            return tuple(field.partition("=")[2] for field in fields)
        case Volume():
            return instruction.paths
        case Expose():
            return instruction.ports
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


def _follow(instruction: Instruction, state: _State, escape: str) -> None:
    """Bring the state behind an instruction; values that only a build knows are empty."""
    match instruction:
        case Env():
            before = dict(state.environment)
            for pair in instruction.pairs:
                state.environment[pair.key] = _value(pair.value, before, escape)
        case Arg():
            for argument in instruction.arguments:
                state.declared.add(argument.name)
                if argument.default is not None:
                    state.environment[argument.name] = _value(argument.default, state.environment, escape)
        case Workdir():
            state.has_workdir = True
        case Shell():
            state.has_shell = True


def _value(text: str, environment: Mapping[str, str], escape: str) -> str:
    try:
        return process(text, environment, Rules(escape=escape)).text
    except DockerfileError:
        return ""
