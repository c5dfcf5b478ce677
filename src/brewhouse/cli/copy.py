"""`copy`: an image from anywhere to anywhere."""

import click
import msgspec

from brewhouse.cli.command import Command
from brewhouse.cli.remote import PLATFORM, QUIET, opened, trust_options
from brewhouse.errors import InputError
from brewhouse.oci.platform import PLATFORMS, host_arch, parse_platform
from brewhouse.publish.location import parse_location
from brewhouse.publish.opened import copy_image


class Options(msgspec.Struct, frozen=True):
    """The command line of `copy`."""

    source: str
    target: str
    every: bool
    platform: str
    quiet: bool


@click.command(cls=Command)
@click.option("--all", "every", is_flag=True, help="Copy the images of all platforms, and their index.")
@PLATFORM
@QUIET
@trust_options
@click.argument("source")
@click.argument("target")
@click.pass_context
def copy(context: click.Context, /, **_options: object) -> None:
    """Copy an image from SOURCE to TARGET, each one of:

    \b
    [docker://]REGISTRY/NAME[:TAG|@DIGEST]   a registry
    store:NAME[:TAG]                         the store
    oci:DIR[:NAME]                           an OCI image layout
    oci-archive:FILE[:NAME]                  an OCI image layout in a tar
    docker-archive:FILE[:NAME]               a tar as `docker save` writes it

    Of several platforms, this machine's is taken unless --platform or --all is given.
    """  # noqa: D301, D415 - \b is click's mark for lines that stay as they are
    options = msgspec.convert(context.params, Options)
    source, target = parse_location(options.source), parse_location(options.target)
    if options.every and options.platform:
        raise InputError("--all and --platform exclude each other", hint="leave one out")
    platform = parse_platform(options.platform) if options.platform else PLATFORMS[host_arch()]
    with opened(context, quiet=options.quiet) as (session, registries):
        wanted = None if options.every else platform
        copied = copy_image(source, target, wanted, session.layout, registries, session.progress)
    click.echo(copied.descriptor.digest)
