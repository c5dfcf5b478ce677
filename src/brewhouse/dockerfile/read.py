"""What the nodes of a Dockerfile mean: one reader for each instruction.

Source: instructions/parse.go of moby/buildkit's Dockerfile frontend, whose words the messages keep.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict, get_args

import msgspec

from brewhouse.dockerfile.flags import FLAGS, Flags, Kind, read_flags
from brewhouse.dockerfile.golang import BLANKS, quote
from brewhouse.dockerfile.heredoc import chop_tabs, parse_heredoc
from brewhouse.dockerfile.instruction import (
    Add,
    Arg,
    Argument,
    Cmd,
    CommandLine,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Heredoc,
    InlineFile,
    Instruction,
    Label,
    Location,
    Maintainer,
    Mount,
    Network,
    Onbuild,
    Pair,
    Run,
    Security,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.dockerfile.syntax import Node
from brewhouse.dockerfile.words import process_word
from brewhouse.errors import DockerfileError

_STAGE_NAME = r"[a-z][a-z0-9-_.]*"
_ONBUILD = r"(?i)\A[\t\n\f\r ]*ONBUILD[\t\n\f\r ]*"
_FROM_WORDS = 3
_NETWORKS: Mapping[str, Network] = {name: name for name in get_args(Network)}
_SECURITIES: Mapping[str, Security] = {name: name for name in get_args(Security)}


class Frame(TypedDict):
    """What all instructions have."""

    original: str
    location: Location
    comments: tuple[str, ...]


def read_instruction(node: Node, location: Location, escape: str) -> From | Instruction:
    """Return the instruction that a node is; raises DockerfileError with the place of a node that is none."""
    frame = Frame(original=node.original.strip(BLANKS), location=location, comments=node.comments)
    try:
        if node.name == "COPY":
            return _read_copy(node, frame, escape)
        return _READERS.get(node.name, _refuse)(node, frame)
    except DockerfileError as error:
        raise error.at(location) from error


def _refuse(node: Node, _frame: Frame) -> Instruction:
    similar = did_you_mean(node.keyword, INSTRUCTIONS, any_case=True)
    raise DockerfileError(f"unknown instruction: {node.keyword}{similar}")


def description(comments: Sequence[str], name: str) -> str:
    """Return what the comments above an instruction say of `name`: "the user" for "# USER the user"."""
    described = (comment[len(name) + 1 :] for comment in comments if name and comment.startswith(f"{name} "))
    return next(described, "")


def _read_from(node: Node, frame: Frame) -> From:
    args = node.args
    alias = ""
    if len(args) == _FROM_WORDS and args[1].lower() == "as":
        alias = args[2]
        if not re.fullmatch(_STAGE_NAME, alias.lower()):
            problem = f"invalid name for build stage: {quote(alias)}, name can't start with a number or contain symbols"
            raise DockerfileError(problem)
    elif len(args) != 1:
        raise DockerfileError("FROM requires either one or three arguments", hint="write FROM image AS name")
    flags = read_flags(node.flags, FLAGS["FROM"])
    return From(**frame, image=args[0], platform=flags.text("platform"), alias=alias)


def _read_run(node: Node, frame: Frame) -> Run:
    flags = read_flags(node.flags, FLAGS["RUN"])
    network = flags.text("network", "default")
    if network not in _NETWORKS:
        raise DockerfileError(f"invalid network mode: {quote(network)}{did_you_mean(network, _NETWORKS)}")
    security = flags.text("security", "sandbox")
    if security not in _SECURITIES:
        raise DockerfileError(f"security {quote(security)} is not valid{did_you_mean(security, _SECURITIES)}")
    mount_flags = flags.texts("mount")
    origins: tuple[Mount, ...] = ()
    if mount_flags:
        from brewhouse.dockerfile.mount import mount_origin

        origins = tuple(map(mount_origin, mount_flags))
    return Run(
        **frame,
        command=_command(node),
        mount_flags=mount_flags,
        mounts=origins,
        network=_NETWORKS[network],
        security=_SECURITIES[security],
        devices=flags.texts("device"),
    )


def _command(node: Node) -> CommandLine:
    return CommandLine(node.args, shell=not node.json, heredocs=node.heredocs)


def _read_copy(node: Node, frame: Frame, escape: str) -> Copy:
    flags = _copy_flags(node, FLAGS["COPY"])
    origin = flags.text("from")
    if process_word(origin, {}, escape) != origin:
        problem = (
            "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope"
        )
        raise DockerfileError(f"{problem} as a workaround", hint="write FROM $IMAGE AS name, and --from=name")
    sources, files = _read_sources(node)
    return Copy(
        **frame,
        sources=sources,
        destination=node.args[-1],
        files=files,
        from_=origin,
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=bool(flags.truth("link")),
        parents=bool(flags.truth("parents")),
        exclude=flags.texts("exclude"),
    )


def _read_add(node: Node, frame: Frame) -> Add:
    flags = _copy_flags(node, FLAGS["ADD"])
    sources, files = _read_sources(node)
    return Add(
        **frame,
        sources=sources,
        destination=node.args[-1],
        files=files,
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=bool(flags.truth("link")),
        exclude=flags.texts("exclude"),
        checksum=flags.text("checksum"),
        keep_git_dir=flags.truth("keep-git-dir"),
        unpack=flags.truth("unpack"),
    )


def _copy_flags(node: Node, kinds: Mapping[str, Kind]) -> Flags:
    if len(node.args) <= 1:
        problem = f"{node.name} requires at least two arguments, but only one was provided"
        raise DockerfileError(
            f"{problem}. Destination could not be determined", hint=f"write {node.name} SOURCE... DIR/"
        )
    return read_flags(node.flags, kinds)


def _read_sources(node: Node) -> tuple[tuple[str, ...], tuple[InlineFile, ...]]:
    """Return the paths to copy, and the files that stand in the Dockerfile itself."""
    if _announced(node.args[-1]):
        raise DockerfileError(f"{node.name} cannot accept a heredoc as a destination")
    contents = {document.name: document.content for document in node.heredocs}
    paths: list[str] = []
    files: list[InlineFile] = []
    for source in node.args[:-1]:
        document = _announced(source)
        if document is None:
            paths.append(source)
            continue
        content = contents.get(document.name, "")
        files.append(InlineFile(document.name, chop_tabs(content) if document.chomp else content, document.expand))
    return tuple(paths), tuple(files)


def _read_env(node: Node, frame: Frame) -> Env:
    return Env(**frame, pairs=_read_pairs(node))


def _read_label(node: Node, frame: Frame) -> Label:
    return Label(**frame, pairs=_read_pairs(node))


def _read_pairs(node: Node) -> tuple[Pair, ...]:
    read_flags(node.flags, {})
    _require_some(node)
    keys, values, separators = node.args[::3], node.args[1::3], node.args[2::3]
    if not all(keys):
        raise DockerfileError(f"{node.name} names can not be blank")
    return tuple(
        Pair(key, value, legacy=not separator) for key, value, separator in zip(keys, values, separators, strict=True)
    )


def _read_arg(node: Node, frame: Frame) -> Arg:
    _require_some(node)
    arguments = []
    for word in node.args:
        name, equals, value = word.partition("=")
        if equals and not name:
            raise DockerfileError("ARG names can not be blank")
        arguments.append(Argument(name, value if equals else None, description(node.comments, name)))
    return Arg(**frame, arguments=tuple(arguments))


def _read_workdir(node: Node, frame: Frame) -> Workdir:
    return Workdir(**frame, path=_only_argument(node))


def _read_user(node: Node, frame: Frame) -> User:
    return User(**frame, user=_only_argument(node))


def _read_maintainer(node: Node, frame: Frame) -> Maintainer:
    return Maintainer(**frame, author=_only_argument(node))


def _read_stopsignal(node: Node, frame: Frame) -> Stopsignal:
    return Stopsignal(**frame, signal=_only_argument(node))


def _read_cmd(node: Node, frame: Frame) -> Cmd:
    read_flags(node.flags, {})
    return Cmd(**frame, command=_command(node))


def _read_entrypoint(node: Node, frame: Frame) -> Entrypoint:
    read_flags(node.flags, {})
    return Entrypoint(**frame, command=_command(node))


def _read_shell(node: Node, frame: Frame) -> Shell:
    read_flags(node.flags, {})
    _require_some(node)
    if not node.json:
        raise DockerfileError("SHELL requires the arguments to be in JSON form", hint='write SHELL ["/bin/sh", "-c"]')
    return Shell(**frame, args=node.args)


def _read_expose(node: Node, frame: Frame) -> Expose:
    _require_some(node)
    read_flags(node.flags, {})
    return Expose(**frame, ports=tuple(sorted(node.args)))


def _read_volume(node: Node, frame: Frame) -> Volume:
    _require_some(node)
    read_flags(node.flags, {})
    paths = tuple(path.strip(BLANKS) for path in node.args)
    if not all(paths):
        raise DockerfileError("VOLUME specified can not be an empty string")
    return Volume(**frame, paths=paths)


def _read_onbuild(node: Node, frame: Frame) -> Onbuild:
    if node.child is None:
        raise DockerfileError("ONBUILD requires at least one argument")
    read_flags(node.flags, {})
    if node.child.name == "ONBUILD":
        raise DockerfileError("chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if node.child.name in ("FROM", "MAINTAINER"):
        raise DockerfileError(f"{node.child.name} isn't allowed as an ONBUILD trigger")
    bodies = (f"\n{document.content}{document.name}" for document in node.heredocs)
    return Onbuild(**frame, trigger=re.sub(_ONBUILD, "", node.original) + "".join(bodies))


def _read_health(node: Node, frame: Frame) -> Instruction:
    from brewhouse.dockerfile.health import read_healthcheck

    return msgspec.structs.replace(read_healthcheck(node, frame["location"]), comments=node.comments)


def _require_some(node: Node) -> None:
    if not node.args:
        raise DockerfileError(f"{node.name} requires at least one argument")


def _only_argument(node: Node) -> str:
    if len(node.args) != 1:
        raise DockerfileError(f"{node.name} requires exactly one argument")
    if node.name != "STOPSIGNAL":
        read_flags(node.flags, {})
    return node.args[0]


def _announced(word: str) -> Heredoc | None:
    try:
        return parse_heredoc(word)
    except DockerfileError:
        return None


_READERS: Mapping[str, Callable[[Node, Frame], From | Instruction]] = {
    "ADD": _read_add,
    "ARG": _read_arg,
    "CMD": _read_cmd,
    "ENTRYPOINT": _read_entrypoint,
    "ENV": _read_env,
    "EXPOSE": _read_expose,
    "FROM": _read_from,
    "HEALTHCHECK": _read_health,
    "LABEL": _read_label,
    "MAINTAINER": _read_maintainer,
    "ONBUILD": _read_onbuild,
    "RUN": _read_run,
    "SHELL": _read_shell,
    "STOPSIGNAL": _read_stopsignal,
    "USER": _read_user,
    "VOLUME": _read_volume,
    "WORKDIR": _read_workdir,
}

INSTRUCTIONS = tuple(sorted([*_READERS, "COPY"]))
