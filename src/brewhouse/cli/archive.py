"""`save` and `load`: images as one tar, with Docker's options."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import click

from brewhouse.cli.command import Command
from brewhouse.cli.files import refuse_terminal, write_stdout, write_whole
from brewhouse.cli.main import Settings
from brewhouse.cli.place import FILE
from brewhouse.errors import InputError
from brewhouse.oci.platform import parse_platform
from brewhouse.system.store.catalog import select
from brewhouse.system.store.layout import open_layout
from brewhouse.system.store.load import load_images
from brewhouse.system.store.save import Form, save_images

_ELSEWHERE = "choose another file: -o FILE"


@click.command(cls=Command)
@click.option("-o", "--output", type=FILE, help="Write FILE instead of stdout.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["docker-archive", "oci-archive"]),
    default="docker-archive",
    help="Kind of tar.",
)
@click.option("--platform", default="", metavar="OS/ARCH", help="Of several platforms, take this one.")
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def save(settings: Settings, names: tuple[str, ...], output: Path | None, form: Form, platform: str) -> None:
    """Write images to a tar that Docker, podman and skopeo read; a repository stands for all its tags."""
    if output is None:
        refuse_terminal("add -o FILE, or redirect stdout")
    with open_layout(settings.store) as layout:
        selected = select(layout, names, parse_platform(platform) if platform else None)
        pieces = save_images(selected, layout, form)
        if output is None:
            write_stdout(pieces, _ELSEWHERE)
        else:
            write_whole(output, pieces, _ELSEWHERE)


@click.command(cls=Command)
@click.option("-i", "--input", "file", type=FILE, help="Read FILE, not stdin.")
@click.option("-q", "--quiet", is_flag=True, help="For compatibility: there is no progress to hide.")
@click.pass_obj
def load(settings: Settings, file: Path | None, *, quiet: bool) -> None:  # noqa: ARG001 - see help
    """Read images from a docker-archive or an OCI archive, compressed or not."""
    if file is None and sys.stdin.isatty():
        raise InputError("will not read an archive from a terminal", hint="add -i FILE, or redirect stdin")
    with ExitStack() as opened:
        source = opened.enter_context(_open(file)) if file else sys.stdin.buffer
        layout = opened.enter_context(open_layout(settings.store))
        loaded = load_images(source, str(file or "stdin"), layout)
    for image in loaded:
        for name in image.names:
            click.echo(f"Loaded image: {name}")
        if not image.names:
            click.echo(f"Loaded image ID: {image.identity}")


def _open(file: Path) -> IO[bytes]:
    try:
        return file.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from error
