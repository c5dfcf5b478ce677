"""`brewhouse check`: what is wrong with images."""

import sys
from typing import TYPE_CHECKING

import click

from brewhouse.check.windows import check_windows
from brewhouse.cli.main import Settings
from brewhouse.cli.session import open_session
from brewhouse.oci.platform import parse_platform
from brewhouse.system.catalog import find_image

if TYPE_CHECKING:
    from brewhouse.model import Finding

_WINDOWS = parse_platform("windows/amd64")


@click.command()
@click.argument("names", metavar="IMAGE...", nargs=-1, required=True)
@click.pass_context
def check(context: click.Context, /, names: tuple[str, ...]) -> None:
    """Tell what is wrong with images for Windows: layers, config and PATH; exit status 1 where anything is.

    Only images for Windows have checks so far.
    """
    settings = context.find_object(Settings)
    assert settings is not None  # noqa: S101 - the group made it
    found: list[tuple[str, Finding]] = []
    with open_session(settings, "quiet", mounts=False) as session:
        for name in names:
            image = find_image(session.layout, name, _WINDOWS)
            found += [(name, finding) for finding in check_windows(image, session.layout)]
    for name, finding in found:
        click.echo(f"{name}: {finding.check}: {finding.text}")
    sys.exit(1 if found else 0)
