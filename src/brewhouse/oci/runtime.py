"""The part of the OCI runtime specification's config.json that a sandbox needs (runtime-spec v1.0, config.md)."""

import msgspec


class User(msgspec.Struct, frozen=True, rename="camel"):
    """Who the process is, by numbers."""

    uid: int
    gid: int
    additional_gids: tuple[int, ...] = ()


class Capabilities(msgspec.Struct, frozen=True, rename="camel"):
    """What the process may do as root, and may ever get."""

    bounding: tuple[str, ...]
    effective: tuple[str, ...]
    permitted: tuple[str, ...]


class ConsoleSize(msgspec.Struct, frozen=True):
    """The size of a terminal, in characters."""

    height: int
    width: int


class Rlimit(msgspec.Struct, frozen=True):
    """What the process may use of a resource: "RLIMIT_NOFILE"."""

    type: str
    soft: int
    hard: int


class Process(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What is started."""

    args: tuple[str, ...]
    env: tuple[str, ...]
    cwd: str
    user: User
    capabilities: Capabilities
    terminal: bool = False
    console_size: ConsoleSize | None = None
    rlimits: tuple[Rlimit, ...] = ()


class Root(msgspec.Struct, frozen=True):
    """Where its file system is on the host."""

    path: str
    readonly: bool = False


class MountPoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is mounted in it, in the order of the list."""

    destination: str
    type: str
    source: str
    options: tuple[str, ...] = ()


class Namespace(msgspec.Struct, frozen=True):
    """A namespace that is made for the process: "pid", "mount", "user"."""

    type: str


class IdMapping(msgspec.Struct, frozen=True):
    """`size` ids from `container_id` on are those from `host_id` on outside."""

    container_id: int = msgspec.field(name="containerID")
    host_id: int = msgspec.field(name="hostID")
    size: int


class SeccompArgument(msgspec.Struct, frozen=True, rename="camel"):
    """A condition on one argument of a system call."""

    index: int
    value: int
    op: str
    value_two: int = 0


class SeccompRule(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What happens to these system calls."""

    names: tuple[str, ...]
    action: str
    errno_ret: int | None = None
    args: tuple[SeccompArgument, ...] = ()


class Seccomp(msgspec.Struct, frozen=True, rename="camel"):
    """Which system calls are let through."""

    default_action: str
    default_errno_ret: int
    architectures: tuple[str, ...]
    syscalls: tuple[SeccompRule, ...]


class Linux(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What keeps the process apart from the host."""

    namespaces: tuple[Namespace, ...]
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    uid_mappings: tuple[IdMapping, ...] = ()
    gid_mappings: tuple[IdMapping, ...] = ()
    seccomp: Seccomp | None = None


class RuntimeConfig(msgspec.Struct, frozen=True, rename="camel"):
    """A whole config.json."""

    process: Process
    root: Root
    hostname: str
    mounts: tuple[MountPoint, ...]
    linux: Linux
    oci_version: str = "1.0.2"
