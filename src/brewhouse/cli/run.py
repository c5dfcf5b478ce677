"""`brewhouse run`: a command in a container, with Docker's options."""

import os
import sys
from pathlib import Path
from typing import Literal

import click
import msgspec

from brewhouse.cli.command import Command
from brewhouse.cli.main import Settings, show_error
from brewhouse.errors import BrewError, InputError
from brewhouse.model import Image
from brewhouse.oci.platform import parse_platform
from brewhouse.system.container.container import (
    Options,
    parse_environment_file,
    parse_size,
    parse_tmpfs,
    run_container,
)
from brewhouse.system.container.volume import parse_volume
from brewhouse.system.namespace import enter_namespace
from brewhouse.system.store.catalog import find_image
from brewhouse.system.store.layout import Layout, open_layout
from brewhouse.system.windows.paths import windows_path

# Source: docker-run(1), "Exit Status": what stands for a container that was not started.
_NOT_STARTED = 125


class _Command(Command):
    """A command that ends as a container that was not started where its line is wrong."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            from brewhouse.cli.usage import usage_error

            show_error(usage_error(error))
            ctx.exit(_NOT_STARTED)


# Options end at IMAGE, and -h is the host name, as with Docker.
@click.command(cls=_Command, context_settings={"allow_interspersed_args": False, "help_option_names": ["--help"]})
@click.option("-i", "--interactive", is_flag=True, help="Let the command read stdin.")
@click.option("-t", "--tty", is_flag=True, help="Give the command a terminal.")
@click.option("-e", "--env", multiple=True, metavar="NAME[=VALUE]", help="Set a variable, or pass on the one you have.")
@click.option("--env-file", multiple=True, metavar="FILE", help="Set variables from a file with NAME=VALUE lines.")
@click.option("-w", "--workdir", default="", metavar="FOLDER", help="Start in this folder, made if it is not there.")
@click.option("-u", "--user", default="", metavar="USER[:GROUP]", help="Run as this user, by name or number.")
@click.option("-v", "--volume", multiple=True, metavar="[SOURCE:]TARGET[:ro]", help="Show a folder, or a named volume.")
@click.option("--tmpfs", multiple=True, metavar="TARGET[:size=64m]", help="Mount an empty folder in memory.")
@click.option("--entrypoint", default=None, metavar="PROGRAM", help="Replace the image's entrypoint; '' drops it.")
@click.option("--network", "--net", default="host", metavar="host|none", help="bridge is the host's network here.")
@click.option("-p", "--publish", multiple=True, metavar="PORT[:PORT]", help="Ports are the host's: no other mapping.")
@click.option("-h", "--hostname", default="", metavar="NAME", help="The container's host name.")
@click.option("--add-host", multiple=True, metavar="NAME:ADDRESS", help="Add a line to /etc/hosts.")
@click.option("--read-only", is_flag=True, help="Make the root file system read-only.")
@click.option("--shm-size", default="64m", metavar="SIZE", help="Size of /dev/shm.")
@click.option("--init", is_flag=True, help="Run a process in front that passes signals on and collects the dead.")
@click.option("--userns", type=click.Choice(["", "host"]), default="", help="host: also ports below 1024, raw sockets.")
@click.option(
    "--host-trust/--no-host-trust", default=True, help="Trust the certificates that SSL_CERT_FILE names here."
)
@click.option("--platform", default="", metavar="OS/ARCH", help="Take the image for this platform.")
@click.option("--wine", type=click.Choice(["auto", "off"]), default="auto", help="Run Windows images by Wine, or not.")
@click.option("--pull", type=click.Choice(["missing", "never"]), default="missing", help="Images come from the store.")
@click.option("--name", default="", help="For compatibility: no container is kept under it.")
@click.option("--rm", is_flag=True, help="For compatibility: nothing is ever kept of a container.")
@click.argument("image")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def run(context: click.Context, /, **_options: object) -> None:
    """Run a command in a container of IMAGE, and end as it ends.

    Options are Docker's and end at IMAGE. What the command writes outside volumes is thrown away when it ends, with or
    without --rm. The exit status is the command's; 125 where it was not started, 126 where it is no program, 127 where
    it is not there.
    """
    line = msgspec.convert(context.params, CommandLine)
    settings = context.find_object(Settings)
    assert settings is not None  # noqa: S101 - the group made it
    try:
        status = _run(line, settings)
    except BrewError as error:
        if settings.debug:
            raise
        show_error(error)
        status = _NOT_STARTED
    sys.stdout.flush()
    # All is closed; to take the interpreter down in order as well would cost 11 ms.
    os._exit(status)


class CommandLine(msgspec.Struct, frozen=True, kw_only=True):
    """The command line of `run`."""

    image: str
    command: tuple[str, ...]
    interactive: bool
    tty: bool
    env: tuple[str, ...]
    env_file: tuple[str, ...]
    workdir: str
    user: str
    volume: tuple[str, ...]
    tmpfs: tuple[str, ...]
    entrypoint: str | None
    network: str
    publish: tuple[str, ...]
    hostname: str
    add_host: tuple[str, ...]
    read_only: bool
    shm_size: str
    init: bool
    userns: str
    host_trust: bool
    platform: str
    wine: Literal["auto", "off"]


def _run(line: CommandLine, settings: Settings) -> int:
    options = _options(line)
    platform = parse_platform(line.platform) if line.platform else None
    enter_namespace()
    with open_layout(settings.store) as layout:
        image = find_image(layout, line.image, platform)
        if image.config.value.os == "windows":
            return _run_windows(image, options, layout, line.wine)
        return run_container(image, options, layout, os.environ)


def _run_windows(image: Image, options: Options, layout: Layout, wine: str) -> int:
    """Return the exit status of a Windows program, which Wine runs."""
    from brewhouse.pipeline.windows import run_windows

    if wine == "off":
        raise InputError("images for Windows run on Linux by Wine only", hint="leave out --wine off")
    for volume in options.volumes:
        if volume.target.startswith("/"):
            click.echo(f"note: `{volume.target}` is {windows_path(volume.target)} in this image", err=True)
    return run_windows(image, options, layout, os.environ)


def _options(line: CommandLine) -> Options:
    """Return the options read; raises InputError for one that makes no sense."""
    if line.tty and line.interactive and not sys.stdin.isatty():
        raise InputError("stdin is not a terminal", hint="leave out -t")
    for ports in line.publish:
        _check_ports(ports)
    return Options(
        command=line.command,
        entrypoint=line.entrypoint,
        env=(*_env_files(line.env_file), *line.env),
        workdir=line.workdir,
        user=line.user,
        hostname=line.hostname,
        network=_network(line.network),
        read_only=line.read_only,
        tty=line.tty,
        interactive=line.interactive,
        init=line.init,
        volumes=tuple(parse_volume(text, Path.cwd()) for text in line.volume),
        tmpfs=tuple(map(parse_tmpfs, line.tmpfs)),
        add_host=line.add_host,
        shm_bytes=parse_size(line.shm_size),
        user_namespace=line.userns != "host",
        host_trust=line.host_trust,
    )


def _env_files(names: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    for name in names:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read the variables in {name}: {error}") from error
        lines += parse_environment_file(text, name)
    return lines


def _network(text: str) -> Literal["host", "none"]:
    match text:
        case "none":
            return "none"
        case "host" | "default":
            return "host"
        case "bridge":
            click.echo("warning: there is no bridge: the container shares the host's network", err=True)
            return "host"
        case _:
            raise InputError(f"there is no network `{text}`", hint="write --network host or --network none")


def _check_ports(text: str) -> None:
    """Let "8000:8000", "127.0.0.1:8000:8000/tcp" and "8000" pass: a port of the container is the host's own."""
    *host, container = text.partition("/")[0].split(":")
    if host and host[-1] not in (container, ""):
        raise InputError(
            f"port {container} cannot be seen as {host[-1]}: the container shares the host's network",
            hint=f"write -p {container}:{container}, or have the program listen on {host[-1]}",
        )
