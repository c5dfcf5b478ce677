"""`publish`: families into a registry under all their tags, complete or not at all."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from brewhouse.cli.command import Command
from brewhouse.cli.listing import format_table
from brewhouse.cli.place import EXISTING_FILE
from brewhouse.cli.readme import read_namespaces
from brewhouse.cli.remote import FORMAT, find_settings, note, opened, trust_options
from brewhouse.errors import BrewError
from brewhouse.family.load import load_families, shipped_families
from brewhouse.oci.platform import parse_arch
from brewhouse.pipeline.publish import plan_publication
from brewhouse.publish.bases import Bases
from brewhouse.publish.destination import parse_destination
from brewhouse.publish.ends import LayoutSource
from brewhouse.publish.family import add_immutable, find_moves, move_tags
from brewhouse.publish.gather import Lack
from brewhouse.publish.plan import Move, Put
from brewhouse.publish.request import PublishRequest
from brewhouse.system.registry.registries import Registries
from brewhouse.tag.check import parse_commit


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The command line of `publish`."""

    names: tuple[str, ...]
    to: str
    arch_namespaces: Path | None
    allow_missing: tuple[str, ...]
    immutable: bool
    dry_run: bool
    git_repo: str
    git_commit: str
    form: str


class Row(msgspec.Struct, frozen=True):
    """What is told of one tag: `old` is "" where it is new."""

    name: str
    old: str
    new: str


@click.command(cls=Command)
@click.option("--to", required=True, metavar="REGISTRY[/NAMESPACE]", help="Where to; docker.io is docker.io/library.")
@click.option(
    "--arch-namespaces",
    type=EXISTING_FILE,
    metavar="FILE",
    help='Namespaces of architectures: "arch = namespace, ..." or JSON; an empty one leaves its images out.',
)
@click.option("--allow-missing", multiple=True, metavar="ARCH", help="Publish without this one; the index records it.")
@click.option("--immutable", is_flag=True, help="Add tags that never move: 3.14.6-slim-20261122.1.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say which tags would move.")
@click.option("--git-repo", default="", metavar="URL", help="Where the Dockerfiles are; the family's own by default.")
@click.option("--git-commit", default="", metavar="COMMIT", help="Their commit, for annotations.")
@FORMAT
@trust_options
@click.argument("names", nargs=-1, required=True, metavar="FAMILY|NAME:TAG...")
@click.pass_context
def publish(context: click.Context, /, **_options: object) -> None:
    """Push images of the store under all their tags: each to its architecture's namespace, and indexes of all.

    Nothing moves unless every platform that the family declares is there, made from one source revision. Tags move
    last, when all that they stand for is in the registry; a second run has nothing to do, and says so.
    """
    options = msgspec.convert(context.params, Options)
    families = load_families([shipped_families(), *find_settings(context).families])
    namespaces = read_namespaces(options.arch_namespaces) if options.arch_namespaces else {}
    asked = PublishRequest(
        names=options.names,
        destination=parse_destination(options.to, namespaces),
        may_lack=frozenset(map(parse_arch, options.allow_missing)),
        git_repo=options.git_repo,
        git_commit=parse_commit(options.git_commit) if options.git_commit else "",
    )
    with opened(context) as (session, registries):
        puts, lacks = plan_publication(asked, families, session.layout)
        if lacks:
            _refuse(lacks)
        moves = _moves(puts, options, registries)
        _show(moves, options)
        if moves and not options.dry_run:
            bases = Bases(session.layout, registries)
            source = LayoutSource(session.layout, moves[0].new.descriptor, bases)
            sent = move_tags(moves, source, registries, session.progress)
            note(f"{len(moves)} tags moved, {sent.count_sent} blobs and documents sent ({sent.bytes_sent} bytes)")


def _moves(puts: Sequence[Put], options: Options, registries: Registries) -> list[Move]:
    date = time.strftime("%Y%m%d", time.gmtime())
    added = add_immutable([put for put in puts if put.is_main], date, registries) if options.immutable else []
    return find_moves([*puts, *added], registries)


def _refuse(lacks: Sequence[Lack]) -> None:
    """Say what is missing, and fail."""
    note(format_table([["IMAGE", "ARCHITECTURE", "PROBLEM"], *([lack.name, lack.arch, lack.reason] for lack in lacks)]))
    arches = sorted({lack.arch for lack in lacks if "," not in lack.arch})
    mend = f"brew or pull what is missing, or publish without it: --allow-missing {' --allow-missing '.join(arches)}"
    raise BrewError(
        f"nothing was published: {len(lacks)} images are missing or do not fit", hint=mend if arches else ""
    )


def _show(moves: Sequence[Move], options: Options) -> None:
    rows = [Row(move.name, move.old or "", move.new.descriptor.digest) for move in moves]
    if options.form == "json":
        click.echo(msgspec.json.encode(rows))
    elif rows:
        click.echo(format_table([[row.name, row.old or "(new)", "->", row.new] for row in rows]))
    if not rows:
        print("nothing to do: all tags stand for what the store has", file=sys.stderr)
