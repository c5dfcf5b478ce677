"""`brewhouse tags` and `brewhouse render`: what a family's images are called, and what they are built from."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import click
import msgspec

from brewhouse.cli.command import Command
from brewhouse.cli.main import Settings
from brewhouse.cli.place import FOLDER
from brewhouse.family.load import load_families, shipped_families
from brewhouse.model import Family
from brewhouse.oci.platform import Arch, parse_arch
from brewhouse.pipeline.family import family_library, render_family
from brewhouse.render.tree import changes, write_tree


class Row(msgspec.Struct, frozen=True):
    """What `tags --format json` writes of one image."""

    tags: tuple[str, ...]
    shared_tags: tuple[str, ...]
    architectures: tuple[Arch, ...]
    directory: str


@click.command(cls=Command)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How they are written.")
@click.option("--arch", default="", help="Only images for this architecture.")
@click.option("--experimental", is_flag=True, help="Also images that are experimental, and so not published.")
@click.argument("family", metavar="FAMILY")
@click.pass_obj
def tags(settings: Settings, family: str, form: str, arch: str, *, experimental: bool) -> None:
    """List the simple and shared tags of a family, at the newest release of each line."""
    wanted = parse_arch(arch) if arch else None
    rows = [
        Row(entry.tags, entry.shared_tags, entry.architectures, entry.source.directory)
        for entry in family_library(_families(settings), family, experimental=experimental).entries
        if wanted is None or wanted in entry.architectures
    ]
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(rows)))
    else:
        _print_table(rows)


@click.command(cls=Command)
@click.option("--out", required=True, type=FOLDER, help="The folder to be written to.")
@click.option(
    "--profile",
    type=click.Choice(["release", "fast"]),
    default="release",
    show_default=True,
    help="Compile as upstream does for its users, or without what takes long.",
)
@click.option("--check", is_flag=True, help="Write nothing; say what would change, with status 1 if anything would.")
@click.argument("family", metavar="FAMILY")
@click.pass_obj
def render(settings: Settings, family: str, out: Path, profile: Literal["release", "fast"], *, check: bool) -> None:
    """Write the Dockerfiles of a family, which `docker buildx build` can use as they are."""
    contexts = render_family(_families(settings), family, profile)
    found = changes(contexts, out) if check else write_tree(contexts, out)
    for change in found:
        click.echo(f"{change.kind} {change.path}")
    if check and found:
        sys.exit(1)


def _families(settings: Settings) -> Mapping[str, Family]:
    return load_families([shipped_families(), *settings.families])


def _print_table(rows: Sequence[Row]) -> None:
    """Write one line for each image where nobody looks, and columns that fit where somebody does."""
    cells = [
        (row.directory, ", ".join(row.tags), ", ".join(row.shared_tags), ", ".join(row.architectures)) for row in rows
    ]
    if not sys.stdout.isatty():
        for line in cells:
            click.echo("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("DIRECTORY", "TAGS", "SHARED TAGS", "ARCHITECTURES"):
        table.add_column(name)
    for line in cells:
        table.add_row(*line)
    Console().print(table)
