"""The instructions of a Dockerfile as frozen values, one type each.

Values that are subject to variable expansion hold their text as it was written; `expand` makes the expanded twin.
Source: docs/reference.md and instructions/ of moby/buildkit's Dockerfile frontend.
"""

from typing import Literal, TypeAlias

import msgspec

Network: TypeAlias = Literal["default", "none", "host"]
Security: TypeAlias = Literal["sandbox", "insecure"]
MountType: TypeAlias = Literal["bind", "cache", "tmpfs", "secret", "ssh"]
Sharing: TypeAlias = Literal["shared", "private", "locked"]


class Location(msgspec.Struct, frozen=True):
    """Where an instruction stands: its file and its first and last line, counted from 1."""

    file: str
    start: int
    end: int

    def __str__(self) -> str:
        """Return "Dockerfile:3", which editors and terminals make a link of."""
        return f"{self.file}:{self.start}"


class Heredoc(msgspec.Struct, frozen=True):
    """A here-document: `content` as written, before `chomp` (`<<-`) takes the tabs off its lines.

    `expand` is false where the name was quoted; `file_descriptor` is the number before `<<`.
    """

    name: str
    content: str
    expand: bool = True
    chomp: bool = False
    file_descriptor: int = 0


class CommandLine(msgspec.Struct, frozen=True):
    """A command: in shell form (`shell`) its whole text is the only argument, otherwise the JSON array's strings.

    `heredocs` belong to the shell form: with no other text on the line than `<<NAME`, the first is a script of its own.
    """

    args: tuple[str, ...]
    shell: bool
    heredocs: tuple[Heredoc, ...] = ()


class Pair(msgspec.Struct, frozen=True):
    """A key=value of ENV or LABEL; `legacy` when it was written with a blank instead of `=`."""

    key: str
    value: str
    legacy: bool = False


class Argument(msgspec.Struct, frozen=True):
    """A build argument and its default, if any; `description` is the comment above it that starts with its name."""

    name: str
    default: str | None = None
    description: str = ""


class InlineFile(msgspec.Struct, frozen=True):
    """A file that a here-document of COPY or ADD makes: named by its delimiter, tabs chopped already."""

    name: str
    content: str
    expand: bool = True


class Mount(msgspec.Struct, frozen=True):
    """A `RUN --mount`; None and "" stand for keys that were not given.

    `id` is the cache's or secret's name, `env` the variable that a secret goes into, `mode` a number ("0400" is 0o400).
    """

    type: MountType = "bind"
    from_: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = True
    id: str = ""
    sharing: Sharing | None = None
    required: bool = False
    size_bytes: int = 0
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    env: str | None = None


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What all instructions have: text, continuations joined and blanks around it dropped; place; comments above."""

    original: str
    location: Location
    comments: tuple[str, ...] = ()


class From(Written, frozen=True, kw_only=True):
    """FROM: `alias` is the stage's name as it was written."""

    image: str
    platform: str = ""
    alias: str = ""


class Run(Written, frozen=True, kw_only=True):
    """RUN: `mount_flags` are the texts of `--mount`.

    `mounts` holds one mount for each of them. Before `expand` only their `from_` is known, since all but this key
    may hold variables.
    """

    command: CommandLine
    mount_flags: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    network: Network = "default"
    security: Security = "sandbox"
    devices: tuple[str, ...] = ()


class Copy(Written, frozen=True, kw_only=True):
    """COPY: `from_` is a stage's name or index, an image or a named context."""

    sources: tuple[str, ...]
    destination: str
    files: tuple[InlineFile, ...] = ()
    from_: str = ""
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()


class Add(Written, frozen=True, kw_only=True):
    """ADD: `unpack` and `keep_git_dir` are None where the kind of source decides."""

    sources: tuple[str, ...]
    destination: str
    files: tuple[InlineFile, ...] = ()
    chown: str = ""
    chmod: str = ""
    link: bool = False
    exclude: tuple[str, ...] = ()
    checksum: str = ""
    keep_git_dir: bool | None = None
    unpack: bool | None = None


class Env(Written, frozen=True, kw_only=True):
    """ENV."""

    pairs: tuple[Pair, ...]


class Label(Written, frozen=True, kw_only=True):
    """LABEL."""

    pairs: tuple[Pair, ...]


class Arg(Written, frozen=True, kw_only=True):
    """ARG."""

    arguments: tuple[Argument, ...]


class Workdir(Written, frozen=True, kw_only=True):
    """WORKDIR."""

    path: str


class User(Written, frozen=True, kw_only=True):
    """USER: user[:group] by name or number."""

    user: str


class Cmd(Written, frozen=True, kw_only=True):
    """CMD."""

    command: CommandLine


class Entrypoint(Written, frozen=True, kw_only=True):
    """ENTRYPOINT."""

    command: CommandLine


class Expose(Written, frozen=True, kw_only=True):
    """EXPOSE: `ports` as written and sorted ("8000-8010/udp"); `exposed_ports` reads them."""

    ports: tuple[str, ...]


class Volume(Written, frozen=True, kw_only=True):
    """VOLUME."""

    paths: tuple[str, ...]


class Stopsignal(Written, frozen=True, kw_only=True):
    """STOPSIGNAL: a name or a number."""

    signal: str


class Healthcheck(Written, frozen=True, kw_only=True):
    """HEALTHCHECK: `test` starts with NONE, CMD or CMD-SHELL, as in an image's config; 0 inherits."""

    test: tuple[str, ...]
    interval_nanoseconds: int = 0
    timeout_nanoseconds: int = 0
    start_period_nanoseconds: int = 0
    start_interval_nanoseconds: int = 0
    retries: int = 0


class Shell(Written, frozen=True, kw_only=True):
    """SHELL."""

    args: tuple[str, ...]


class Onbuild(Written, frozen=True, kw_only=True):
    """ONBUILD: the trigger as it goes into the image's config; `parse_trigger` reads it in the child build."""

    trigger: str


class Maintainer(Written, frozen=True, kw_only=True):
    """MAINTAINER."""

    author: str


Instruction: TypeAlias = (
    Run
    | Copy
    | Add
    | Env
    | Label
    | Arg
    | Workdir
    | User
    | Cmd
    | Entrypoint
    | Expose
    | Volume
    | Stopsignal
    | Healthcheck
    | Shell
    | Onbuild
    | Maintainer
)


class Stage(msgspec.Struct, frozen=True):
    """A stage: `name` is lower case and "" without AS; `description` is the comment above that starts with its name."""

    name: str
    index: int
    from_: From
    instructions: tuple[Instruction, ...]
    description: str = ""


class DockerfileWarning(msgspec.Struct, frozen=True):
    """A finding that does not stop the build: the name of the rule that made it, one line, and its place."""

    rule: str
    message: str
    location: Location


class Directives(msgspec.Struct, frozen=True):
    """The parser directives at the top of a file; "" where one is not given."""

    syntax: str = ""
    escape: str = "\\"
    check: str = ""


class Dockerfile(msgspec.Struct, frozen=True):
    """A parsed file: the ARGs before the first FROM, the stages in order, directives and warnings."""

    global_args: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    directives: Directives
    warnings: tuple[DockerfileWarning, ...] = ()
