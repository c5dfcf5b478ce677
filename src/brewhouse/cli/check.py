"""`brewhouse check`: what is wrong with images."""

import os
import sys
from typing import TYPE_CHECKING, Literal

import click

from brewhouse.cli.command import Command
from brewhouse.cli.main import Settings
from brewhouse.cli.session import open_session
from brewhouse.oci.platform import parse_platform
from brewhouse.pipeline.windows import check_windows_image
from brewhouse.system.store.catalog import find_image

if TYPE_CHECKING:
    from brewhouse.model import Finding

_WINDOWS = parse_platform("windows/amd64")


@click.command(cls=Command)
@click.option("--wine", type=click.Choice(["auto", "off"]), default="auto", help="Also run python and pip by Wine.")
@click.argument("names", metavar="IMAGE...", nargs=-1, required=True)
@click.pass_context
def check(context: click.Context, /, names: tuple[str, ...], wine: Literal["auto", "off"]) -> None:
    """Tell what is wrong with images for Windows; exit status 1 where anything is.

    Looked at are layers, config and PATH, and by Wine, in images that say which CPython they have, python, its modules,
    TLS and pip. Only images for Windows have checks so far.
    """
    settings = context.find_object(Settings)
    assert settings is not None  # noqa: S101 - the group made it
    found: list[tuple[str, Finding]] = []
    with_wine = wine == "auto"
    with open_session(settings, mounts=with_wine) as session:
        for name in names:
            image = find_image(session.layout, name, _WINDOWS)
            faults = check_windows_image(image, session.layout, session.progress, os.environ, with_wine=with_wine)
            found += [(name, finding) for finding in faults]
    for name, finding in found:
        click.echo(f"{name}: {finding.check}: {finding.text}")
    sys.exit(1 if found else 0)
