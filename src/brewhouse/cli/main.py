"""The program `brewhouse`: the options before the command, and the one place where errors are shown."""

import importlib
import os
import sys
from pathlib import Path
from typing import TextIO

import click
import msgspec

import brewhouse
from brewhouse.cli.command import Group
from brewhouse.cli.place import EXISTING_FOLDER, FILE, FOLDER
from brewhouse.errors import BrewError, BuildError


class Settings(msgspec.Struct, frozen=True):
    """What stands before the command."""

    store: Path
    families: tuple[Path, ...]
    progress: str
    debug: bool
    config: Path | None = None


# tty is BuildKit's name of live; none shows nothing, and quiet lets `build` print nothing but an id.
PROGRESS = ("auto", "live", "tty", "plain", "rawjson", "quiet", "none")

# Where each command is, as module:function below brewhouse.cli; a module is imported when its command is called.
COMMANDS = {
    "brew": "brew:brew",
    "build": "build:build",
    "check": "check:check",
    "run": "run:run",
    "images": "images:images",
    "inspect": "images:inspect",
    "history": "images:history",
    "tag": "images:tag",
    "rmi": "images:rmi",
    "prune": "space:prune",
    "du": "space:du",
    "save": "archive:save",
    "load": "archive:load",
    "pull": "push:pull",
    "push": "push:push",
    "copy": "copy:copy",
    "login": "login:login",
    "logout": "login:logout",
    "index": "index:index",
    "registry": "registry:registry",
    "publish": "publish:publish",
    "tags": "family:tags",
    "render": "family:render",
    "library": "library:library",
    "readme": "readme:readme",
}


class LazyGroup(Group):
    """A group whose commands are imported when they are called, so that each starts as fast as it can."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name all commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f"brewhouse.cli.{module}"), function)
        return command if isinstance(command, click.Command) else None


def default_store() -> Path:
    """Return where images are kept unless told otherwise: $XDG_DATA_HOME/brewhouse, in /var/lib for root."""
    if os.geteuid() == 0:
        return Path("/var/lib/brewhouse")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "brewhouse"


def _show_version(context: click.Context, _parameter: click.Parameter, value: object) -> None:
    if value and not context.resilient_parsing:
        click.echo(f"brewhouse {brewhouse.__version__}")
        context.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.option("--store", type=FOLDER, envvar="BREWHOUSE_STORE", help="Where images are kept.")
@click.option(
    "--families",
    type=EXISTING_FOLDER,
    multiple=True,
    help="More image families.",
)
@click.option("--config", type=FILE, help="What is said of registries: mirrors, TLS.")
@click.option(
    "--progress",
    type=click.Choice(PROGRESS),
    default="auto",
    envvar="BUILDKIT_PROGRESS",
    help="How progress is shown. [env: BUILDKIT_PROGRESS]",
)
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def cli(
    context: click.Context,
    store: Path | None,
    families: tuple[Path, ...],
    config: Path | None,
    progress: str,
    *,
    debug: bool,
) -> None:
    """Brew container images: from package mirror to tested, tagged official images, with no daemon."""
    context.obj = Settings((store or default_store()).absolute(), families, progress, debug, config)


def main() -> None:
    """Run the command line; an error becomes one line, a hint, and the error's exit status."""
    debug = "--debug" in sys.argv[1:]
    try:
        _end(cli(standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.UsageError as error:
        from brewhouse.cli.usage import usage_error

        show_error(usage_error(error))
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrewError as error:
        _end_as_told(error)
        if debug:
            raise
        show_error(error)
        sys.exit(error.exit_status)
    except OSError as error:
        _end_as_told(error)
        if debug:
            raise
        show_error(BrewError(f"{error.filename or 'standard output'}: {error.strerror or error}"))
        # Not sys.exit, which would try once more to write what could not be written.
        os._exit(1)


def _end(status: int) -> None:
    """End the process; all is closed, and to take the interpreter down in order as well would cost 15 ms."""
    streams: tuple[TextIO | None, ...] = (sys.stdout, sys.stderr)
    try:
        for stream in streams:
            if stream is not None:  # as Python has it where it was started with that stream closed
                stream.flush()
    except BrokenPipeError:
        sys.exit(status)  # whoever read our output is gone, which Python ends in its own way
    os._exit(status)


def _end_as_told(error: BaseException) -> None:
    """End the process if a signal did so before `error` came: that tells only of what could not be tidied up then."""
    before = error.__context__
    while before:
        if isinstance(before, SystemExit) and isinstance(before.code, int):
            _end(before.code)
        before = before.__context__


def show_error(error: BrewError) -> None:
    """Write the error, the end of the failed step's log, and how to mend it, to stderr."""
    if isinstance(error, BuildError) and error.log:
        from brewhouse.system.progress.log import tail

        lines = [*(f"  {line}" for line in tail(error.log)), f"log: {error.log}"]
        print(*lines, sep="\n", file=sys.stderr)
    if error.excerpt:
        print(error.excerpt, file=sys.stderr)
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"\nhint: {error.hint}", file=sys.stderr)
