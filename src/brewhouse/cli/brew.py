"""`brewhouse brew`: official images and all they are built from, by name."""

import os
from pathlib import Path
from typing import Literal

import click
import msgspec

from brewhouse.build.request import Trust
from brewhouse.cli.command import Command
from brewhouse.cli.main import Settings
from brewhouse.cli.place import EXISTING_FILE, EXISTING_FOLDER
from brewhouse.cli.session import open_session
from brewhouse.errors import InputError
from brewhouse.family.load import load_families, shipped_families
from brewhouse.model import Built
from brewhouse.oci.platform import host_arch, parse_arch
from brewhouse.pipeline.brew import brew_images, check_names
from brewhouse.pipeline.outside import Outside
from brewhouse.pipeline.request import BrewRequest
from brewhouse.system.container.trust import trust
from brewhouse.system.registry.registries import open_registries
from brewhouse.system.registry.settings import read_settings


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The command line of `brew`."""

    names: tuple[str, ...]
    profile: Literal["release", "fast"]
    arch: str
    mirror: str
    artifacts: tuple[str, ...]
    update: bool
    lock: Path | None
    base_layout: Path | None
    base_registry: str
    jobs: int


@click.command(cls=Command)
@click.option(
    "--profile",
    type=click.Choice(["release", "fast"]),
    default="release",
    show_default=True,
    help="Compile as upstream does for its users, or without what takes long.",
)
@click.option("--arch", default="", help="Architecture, as docker-library names it; this machine's by default.")
@click.option("--mirror", default="", metavar="URL", help="Debian mirror; the one of this machine's apt by default.")
@click.option("--artifacts", multiple=True, metavar="DIR|URL", help="More places of source archives; repeatable.")
@click.option("--update", is_flag=True, help="Ask mirror and upstream for what is new.")
@click.option(
    "--lock",
    type=EXISTING_FILE,
    help="Take exactly the Debian packages that this file lists.",
)
@click.option(
    "--base-layout",
    type=EXISTING_FOLDER,
    help="OCI layout with the Windows that Windows images stand on.",
)
@click.option(
    "--base-registry",
    default="",
    metavar="REGISTRY[/NAMESPACE]",
    help="Where that Windows is, if not in Microsoft's registry; its layers stay there.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Images made at the same time.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.pass_context
def brew(context: click.Context, /, **_options: object) -> None:
    """Make images such as python:3.13-slim, from Debian packages and upstream's source up."""
    options = msgspec.convert(context.params, Options)
    settings = context.find_object(Settings)
    assert settings is not None  # noqa: S101 - the group made it
    families = load_families([shipped_families(), *settings.families])
    mounts, env = trust(os.environ)
    asked = BrewRequest(
        arch=parse_arch(options.arch) if options.arch else host_arch(),
        profile=options.profile,
        mirror=options.mirror,
        artifacts=tuple(_artifacts(folder) for folder in options.artifacts),
        lock=options.lock,
        base_layout=options.base_layout,
        base_registry=options.base_registry,
        update=options.update,
        jobs=options.jobs,
        trust=Trust(mounts, env),
    )
    if options.base_layout and options.base_registry:
        raise InputError("--base-layout and --base-registry exclude each other", hint="leave one out")
    check_names(options.names, families, asked)  # wrong names end here, with the store untouched
    with (
        open_registries(read_settings(settings.config, os.environ), os.environ) as registries,
        open_session(settings) as session,
    ):
        outside = Outside(session.layout, registries, session.progress)
        built = brew_images(options.names, families, asked, outside)
    for image in built:
        click.echo(_line(image))


def _artifacts(place: str) -> str:
    """Return a place of sources; raises InputError for a folder that is not there."""
    if "://" not in place and not Path(place).is_dir():
        raise InputError(f"--artifacts {place}: there is no such folder", hint="name a folder, or write a URL")
    return place


def _line(built: Built) -> str:
    """Return "python:3.13.5-slim-trixie  sha256:...  45.3 MB  12.1 s"."""
    manifest = built.image.manifest.value
    size_mb = sum(layer.size for layer in manifest.layers) / 1e6
    took = "cached" if built.cached else f"{built.seconds:.1f} s"
    return f"{built.references[0]}  {built.image.descriptor.digest}  {size_mb:.1f} MB  {took}"
