"""Variables in instructions: which texts of each are expanded, all by the environment before it.

RUN, CMD and ENTRYPOINT keep their text: the shell expands it.
Source: the Expand methods of instructions/commands.go and dispatch of dockerfile2llb in moby/buildkit.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec

from brewhouse.dockerfile.instruction import (
    Add,
    Arg,
    Copy,
    Env,
    Expose,
    From,
    InlineFile,
    Instruction,
    Label,
    Mount,
    Pair,
    Run,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from brewhouse.dockerfile.words import Rules, process, process_word, process_words
from brewhouse.errors import DockerfileError

_Expanding = TypeVar("_Expanding", bound=From | Instruction)
_Word = Callable[[str], str]

INLINE = Rules(plain_quotes=True)
_PATTERN = Rules(plain_quotes=True, keep_escapes=True)


def expand(
    instruction: _Expanding,
    environment: Mapping[str, str],
    *,
    escape: str = "\\",
    given: Mapping[str, str] | None = None,
) -> _Expanding:
    """Return the instruction with its variables replaced; what holds none comes back as it is.

    WORKDIR $HOME/src with HOME=/root becomes WORKDIR /root/src. `given` matters to ARG alone: its names have a value
    already (--build-arg), so that their defaults are left as they are. Raises DockerfileError with the place.
    """
    try:
        if isinstance(instruction, Arg):
            changes = _arguments(instruction, environment, escape, given or {})
        elif isinstance(instruction, Copy | Add):
            changes = _copy(instruction, environment, escape)
        else:
            changes = _words(instruction, environment, escape)
    except DockerfileError as error:
        raise error.at(instruction.location) from error
    return msgspec.structs.replace(instruction, **changes)


def _words(instruction: From | Instruction, environment: Mapping[str, str], escape: str) -> Mapping[str, object]:
    """Return the changed fields of the instructions that hold nothing but words."""

    def word(text: str) -> str:
        return process_word(text, environment, escape)

    match instruction:
        case From():
            return _from(instruction, word)
        case Run():
            return {"mounts": tuple(_mounts(instruction, word))}
        case Env() | Label():
            return {"pairs": tuple(Pair(word(pair.key), word(pair.value), pair.legacy) for pair in instruction.pairs)}
        case Volume():
            return {"paths": _volumes(instruction, word)}
        case Expose():
            ports = (process_words(port, environment, escape) for port in instruction.ports)
            return {"ports": tuple(port for words in ports for port in words)}
        case _:
            return _only_word(instruction, word)


def _only_word(instruction: From | Instruction, word: _Word) -> Mapping[str, object]:
    """Return the changed field of an instruction that has a single word, or nothing."""
    match instruction:
        case Workdir():
            return {"path": word(instruction.path)}
        case User():
            return {"user": word(instruction.user)}
        case Stopsignal():
            return {"signal": word(instruction.signal)}
        case _:
            return {}


def _from(instruction: From, word: _Word) -> Mapping[str, object]:
    image, platform = word(instruction.image), word(instruction.platform)
    if not image:
        raise DockerfileError(
            f"base name ({instruction.image}) should not be blank", hint="give the variable a default"
        )
    if instruction.platform and not platform:
        raise DockerfileError(f"empty platform value from expression {instruction.platform}")
    return {"image": image, "platform": platform}


def _copy(instruction: Copy | Add, environment: Mapping[str, str], escape: str) -> Mapping[str, object]:
    def word(text: str) -> str:
        return process_word(text, environment, escape)

    changes: dict[str, object] = {
        "sources": tuple(map(word, instruction.sources)),
        "destination": word(instruction.destination),
        "files": tuple(_inline(file, environment) for file in instruction.files),
        "chown": word(instruction.chown),
        "chmod": word(instruction.chmod),
        "exclude": tuple(process(pattern, environment, _PATTERN).text for pattern in instruction.exclude),
    }
    if isinstance(instruction, Add):
        changes["checksum"] = word(instruction.checksum)
    return changes


def _inline(file: InlineFile, environment: Mapping[str, str]) -> InlineFile:
    # the escape directive does not reach here-documents: a backslash it is, as in the shell
    if not file.expand:
        return file
    return InlineFile(file.name, process(file.content, environment, INLINE).text, expand=False)


def _mounts(instruction: Run, word: Callable[[str], str]) -> Iterator[Mount]:
    if instruction.mount_flags:
        from brewhouse.dockerfile.mount import parse_mount

        yield from (parse_mount(flag, word) for flag in instruction.mount_flags)


def _volumes(instruction: Volume, word: _Word) -> tuple[str, ...]:
    paths = tuple(map(word, instruction.paths))
    if not all(paths):
        raise DockerfileError("VOLUME specified can not be an empty string")
    return paths


def _arguments(
    instruction: Arg, environment: Mapping[str, str], escape: str, given: Mapping[str, str]
) -> Mapping[str, object]:
    """Return the arguments with their defaults expanded; alone among all instructions, each sees those before it."""
    known = dict(environment)
    arguments = []
    for argument in instruction.arguments:
        default = argument.default
        if argument.name in given:
            known[argument.name] = given[argument.name]
        elif default is not None:
            default = known[argument.name] = process_word(default, known, escape)
        arguments.append(msgspec.structs.replace(argument, default=default))
    return {"arguments": tuple(arguments)}
