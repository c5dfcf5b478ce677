"""Containers: an image's config and the options of `docker run` as a command, and that command run on the image."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from brewhouse.errors import HostError, InputError
from brewhouse.model import Image, Mount, Run
from brewhouse.oci.document import ContainerConfig
from brewhouse.oci.platform import platform_arch
from brewhouse.system.container.bundle import DEFAULT_PATH
from brewhouse.system.container.sandbox import run_in_sandbox
from brewhouse.system.container.trust import trust
from brewhouse.system.container.volume import Volume, open_volume
from brewhouse.system.machine import require_programs_of
from brewhouse.system.overlay import overlay
from brewhouse.system.store.disk import new_folder
from brewhouse.system.store.layout import Layout
from brewhouse.system.store.snapshot import Snapshots

_INIT_TARGET = "/sbin/docker-init"
_INIT_PROGRAMS = ("docker-init", "tini-static", "catatonit")

_SIZE = re.compile(r"(\d+) ?([kmg]?)i?b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `run`; `env` holds "NAME=value", or "NAME" for the caller's own value."""

    command: tuple[str, ...] = ()
    entrypoint: str | None = None
    env: tuple[str, ...] = ()
    workdir: str = ""
    user: str = ""
    hostname: str = ""
    network: Literal["host", "none"] = "host"
    read_only: bool = False
    tty: bool = False
    interactive: bool = False
    init: bool = False
    volumes: tuple[Volume, ...] = ()
    tmpfs: tuple[Mount, ...] = ()
    add_host: tuple[str, ...] = ()
    shm_bytes: int = 64 << 20
    user_namespace: bool = True
    host_trust: bool = True


def run_container(image: Image, options: Options, layout: Layout, environment: Mapping[str, str]) -> int:
    """Return the exit status of a container of `image`, run on our own streams; what it wrote is thrown away.

    `environment` is the caller's. Raises InputError for options that do not fit the image, HostError for one of
    an architecture that cannot run here.
    """
    require_programs_of(platform_arch(image.config.value.platform))
    config = image.config.value.config
    _check_targets(options.volumes)
    command = container_command(config, options, environment, identity=os.urandom(6).hex())
    if options.init:
        command = _with_init(command)
    volumes = [*options.volumes, *(_declared(config, options.volumes) if options.read_only else ())]
    with _root(Snapshots(layout).ensure(image), layout.tmp) as root:
        mounts = [*command.mounts, *(open_volume(volume, root, layout) for volume in volumes)]
        # A mount may lie below another: the outer one comes first.
        ordered = sorted(mounts, key=lambda mount: len(PurePosixPath(mount.target).parts))
        full = msgspec.structs.replace(command, mounts=tuple(ordered))
        return run_in_sandbox(root, full, state=layout.tmp, stdin=None if options.interactive else b"")


def container_command(
    config: ContainerConfig, options: Options, environment: Mapping[str, str], *, identity: str
) -> Run:
    """Return what runs; volumes, whose folders must be opened first, are not among its mounts.

    `identity` is the name of the machine unless another is given. Source: runconfig.Merge of moby/moby.
    """
    hostname = options.hostname or identity
    trusted_mounts, trusted_env = trust(environment) if options.host_trust else ((), ())
    name_file = Mount("/etc/hostname", kind="file", content=f"{hostname}\n".encode(), mode=0o644)
    usual = (f"PATH={DEFAULT_PATH}", f"HOSTNAME={hostname}", *(["TERM=xterm"] if options.tty else []))
    return Run(
        args=container_args(config, options.entrypoint, options.command),
        env=merge_environment((*usual, *config.env, *trusted_env), options.env, environment),
        cwd=options.workdir or config.working_dir or "/",
        user=options.user or config.user,
        mounts=(name_file, *trusted_mounts, *options.tmpfs),
        network=options.network,
        hostname=hostname,
        terminal=options.tty,
        read_only=options.read_only,
        hosts=tuple(map(_host_line, options.add_host)),
        shm_bytes=options.shm_bytes,
        user_namespace=options.user_namespace,
    )


def container_args(config: ContainerConfig, entrypoint: str | None, command: Sequence[str]) -> tuple[str, ...]:
    """Return the words to run: entrypoint and command, each the image's unless given.

    A given entrypoint drops the image's command; an empty one leaves the command alone. Raises InputError for no words.
    """
    if entrypoint is None:
        words = (*(config.entrypoint or ()), *(command or config.cmd or ()))
    else:
        words = (*([entrypoint] if entrypoint else []), *command)
    if not words:
        raise InputError("no command: the image names none", hint="add one: brewhouse run IMAGE COMMAND")
    return words


def merge_environment(image: Sequence[str], wanted: Sequence[str], caller: Mapping[str, str]) -> tuple[str, ...]:
    """Return "NAME=value" lines; later ones replace earlier ones of the same name.

    A name alone in `wanted` takes the caller's value, and removes the variable where the caller has none.
    Source: ReplaceOrAppendEnvValues of moby/moby, and docker/cli.
    """
    values = dict(line.split("=", 1) for line in image if "=" in line)
    for line in wanted:
        name, given, value = line.partition("=")
        if given or name in caller:
            values[name] = value if given else caller[name]
        else:
            values.pop(name, None)
    return tuple(f"{name}={value}" for name, value in values.items())


def parse_environment_file(text: str, name: str) -> tuple[str, ...]:
    """Return the lines of `--env-file`: "NAME=value" or "NAME"; blank lines and those that start with # are none.

    Source: pkg/kvfile of docker/cli.
    """
    lines = tuple(line.lstrip() for line in text.removeprefix("\ufeff").splitlines())
    kept = tuple(line for line in lines if line and not line.startswith("#"))
    for line in kept:
        variable = line.partition("=")[0]
        if not variable or re.search(r"\s", variable):
            raise InputError(f"`{variable}` in {name} is not a variable's name", hint="write NAME=value, one a line")
    return kept


def parse_tmpfs(text: str) -> Mount:
    """Return the mount that `--tmpfs` means: "/run", "/run:size=64m,mode=755,exec,ro"."""
    target, _, options = text.partition(":")
    size, mode, flags = 0, None, set[str]()
    for option in filter(None, options.split(",")):
        name, _, value = option.partition("=")
        if name == "size":
            size = parse_size(value)
        elif name == "mode" and re.fullmatch(r"[0-7]{1,4}", value):
            mode = int(value, 8)
        elif option in ("ro", "rw", "exec", "noexec", "nosuid", "nodev"):
            flags.add(option)
        else:
            raise InputError(
                f"`{option}` is not an option of --tmpfs", hint="known: size=, mode=, ro, rw, exec, noexec"
            )
    if not target.startswith("/") or target == "/":
        raise InputError(f"`{text}` is not a tmpfs", hint="write --tmpfs /TARGET[:size=64m]")
    return Mount(
        target,
        kind="tmpfs",
        size_bytes=size,
        mode=mode,
        read_only="ro" in flags,
        no_exec="exec" not in flags,
        no_devices=True,
    )


def parse_size(text: str) -> int:
    """Return bytes: "64m", "1g", "1024", "2 MiB"; units are powers of 1024, as Docker's are."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise InputError(f"`{text}` is not a size", hint="write a number and k, m or g, such as 64m")
    return int(found[1]) * _UNITS[found[2].lower()]


@contextmanager
def _root(lowers: Sequence[Path], scratch: Path) -> Iterator[Path]:
    """Show the image's root file system, to be written to at will, during the block."""
    upper, work, root = (new_folder(scratch, name) for name in ("upper", "work", "root"))
    with overlay(lowers, upper, work, root):
        yield root


def _check_targets(volumes: Sequence[Volume]) -> None:
    for volume in volumes:
        if not volume.target.startswith("/"):
            problem = f"`{volume.target}` is no path of Linux, for which the image is"
            raise InputError(problem, hint="write -v DIR:/TARGET")


def _declared(config: ContainerConfig, given: Sequence[Volume]) -> list[Volume]:
    """Return the volumes that the image declares: what stays writable in a container that else is read-only."""
    taken = {volume.target for volume in given}
    return [Volume(target) for target in config.volumes if target not in taken]


def _host_line(text: str) -> str:
    """Return "address name" for "name:address" or "name=address"; host-gateway is this machine itself."""
    name, sign, address = text.partition("=") if "=" in text else text.partition(":")
    if not (name and sign and address):
        raise InputError(f"`{text}` is not a host", hint="write --add-host NAME:ADDRESS")
    return f"{'127.0.0.1' if address == 'host-gateway' else address.strip('[]')}\t{name}"


def _with_init(command: Run) -> Run:
    """Put a process in front that passes on signals and collects the dead."""
    import shutil

    program = next(filter(None, map(shutil.which, _INIT_PROGRAMS)), None)
    if program is None:
        raise HostError("no program for --init is installed", hint="install one: apt-get install tini")
    mount = Mount(_INIT_TARGET, program, read_only=True)
    return msgspec.structs.replace(command, args=(_INIT_TARGET, "--", *command.args), mounts=(*command.mounts, mount))
