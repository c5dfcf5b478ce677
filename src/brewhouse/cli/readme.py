"""`brewhouse readme`: the pages of docker-library/docs."""

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import click
import msgspec

from brewhouse.cli.command import Command
from brewhouse.cli.library_options import DEFAULT_LIBRARY, show_json
from brewhouse.cli.main import Settings
from brewhouse.cli.place import FILE, FOLDER
from brewhouse.errors import BrewError, InputError
from brewhouse.family.load import load_families, shipped_families
from brewhouse.oci.platform import Arch, parse_arch
from brewhouse.pipeline.pages import make_family_pages, make_pages, published_library
from brewhouse.readme.branch import NAMESPACES, Branch, all_branches
from brewhouse.readme.edition import EDITIONS, OF_FAMILIES, Edition, find_edition
from brewhouse.readme.pages import Checkout, Failure, LeftAlone, Page, PageRequest, page_state, write_page
from brewhouse.system.network.froms import open_froms
from brewhouse.tag.check import parse_commit


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The command line of `readme`."""

    images: tuple[str, ...]
    docs: Path | None
    own: bool
    git_repo: str
    git_commit: str
    library: Path
    out: Path | None
    overrides: Path | None
    arch: str
    namespace: str
    arch_namespaces: Path | None
    froms: Path | None
    logo_commits: Path | None
    cache: Path | None
    edition: str
    check: bool
    format: Literal["table", "json"]


class Row(msgspec.Struct, frozen=True):
    """What became of one page."""

    page: str
    state: Literal["new", "changed", "same", "failed", "left alone"]
    reason: str = ""
    hint: str = ""


@click.command(cls=Command)
@click.option("--docs", type=FOLDER, metavar="DIR", help="A checkout of docker-library/docs.")
@click.option("--own", is_flag=True, help="Pages of Brewhouse's families, instead of --docs and --library.")
@click.option("--git-repo", default="", metavar="URL", help="With --own: where the Dockerfiles are published.")
@click.option("--git-commit", default="", metavar="COMMIT", help="With --own: the commit that holds them.")
@click.option(
    "--library",
    type=FOLDER,
    envvar="BASHBREW_LIBRARY",
    default=DEFAULT_LIBRARY,
    metavar="DIR",
    help=f"Where library files are; {DEFAULT_LIBRARY} by default.",
)
@click.option(
    "--out", type=FOLDER, metavar="DIR", help="Write DIR/IMAGE/README.md (DIR/BRANCH/IMAGE/README.md for --arch all)."
)
@click.option("--overrides", type=FOLDER, metavar="DIR", help="DIR/BRANCH/IMAGE/FILE stands for that of --docs.")
@click.option("--arch", default="", metavar="ARCH|all", help="Pages of one architecture, or of all; else master's.")
@click.option("--namespace", default="", metavar="NS", help="Who publishes the images; by default what ARCH has.")
@click.option(
    "--arch-namespaces",
    type=FILE,
    envvar="BREWHOUSE_ARCH_NAMESPACES",
    metavar="FILE",
    help='Namespaces as JSON ({"arm64v8": "arm64v8"}) or as bashbrew\'s list (arm64v8 = arm64v8, ...).',
)
@click.option("--froms", type=FILE, metavar="FILE", help="FROM values, instead of git.")
@click.option("--logo-commits", type=FILE, metavar="FILE", help="Last commits of logos, instead of git.")
@click.option("--cache", type=FOLDER, metavar="DIR", help="Where git repositories are kept.")
@click.option("--edition", type=click.Choice(list(EDITIONS)), default="current", help="The format of the pages.")
@click.option("--check", is_flag=True, help="Write nothing; tell which pages would change.")
@click.option("--format", type=click.Choice(["table", "json"]), default="table", help="How to print.")
@click.argument("images", nargs=-1, metavar="[[NS/]IMAGE]...")
@click.pass_context
def readme(context: click.Context, /, **_options: object) -> None:
    """Write the README pages of images; prints those that changed."""
    options = msgspec.convert(context.params, Options)
    settings = context.find_object(Settings)
    assert settings is not None  # noqa: S101 - the group made it
    check_options(options)
    outcomes = own_pages(options, settings) if options.own else docs_pages(options, settings)
    rows = [finish(outcome, options) for outcome in outcomes]
    report(rows, options)
    context.exit(exit_status(rows, options))


def check_options(options: Options) -> None:
    """Raise InputError where the options do not say what to read, or where to write."""
    if not options.own and not options.docs:
        raise InputError("no docs are named", hint="name a checkout of docker-library/docs with --docs, or give --own")
    if options.own and not options.git_commit:
        hint = "publish what `brewhouse render` writes, and name its commit with --git-commit"
        raise InputError("pages of families link Dockerfiles at a commit", hint=hint)
    if options.own:
        parse_commit(options.git_commit)
    if not options.out and (options.own or options.arch == "all"):
        raise InputError("these pages need a folder of their own", hint="name one with --out")


def docs_pages(options: Options, settings: Settings) -> Iterator[Page | Failure | LeftAlone]:
    """Make pages from a checkout of docker-library/docs."""
    commits = read_mapping(options.logo_commits) if options.logo_commits else None
    checkout = Checkout(options.docs or Path(), options.library.expanduser(), commits)
    froms_of = open_froms(options.froms, options.cache or settings.store / "cache" / "git", os.environ)
    return make_pages(make_request(options, find_edition(options.edition)), checkout, froms_of, os.environ)


def own_pages(options: Options, settings: Settings) -> Iterator[Page | Failure | LeftAlone]:
    """Make pages of families from the texts in their folders."""
    folders = [shipped_families(), *settings.families]
    families = load_families(folders)
    library_of = partial(published_library, families, git_repo=options.git_repo, git_commit=options.git_commit)
    return make_family_pages(families, folders, make_request(options, OF_FAMILIES), library_of)


def make_request(options: Options, edition: Edition) -> PageRequest:
    """Return which pages are asked for; raises InputError for an unknown architecture or a malformed file."""
    # Nobody has published the families' images: only namespaces that are named have links.
    default = {} if options.own else NAMESPACES
    namespaces = read_namespaces(options.arch_namespaces) if options.arch_namespaces else default
    return PageRequest(
        edition=edition,
        branches=find_branches(options, namespaces),
        namespaces=namespaces,
        images=tuple(image.rstrip("/") for image in options.images),
        overrides=options.overrides,
    )


def find_branches(options: Options, namespaces: Mapping[Arch, str]) -> tuple[Branch, ...]:
    """Return the branches that --arch and --namespace mean."""
    if options.arch == "all":
        return all_branches({**NAMESPACES, **namespaces})
    if not options.arch:
        return (Branch(None, options.namespace),)
    arch = parse_arch(options.arch)
    return (Branch(arch, options.namespace or namespaces.get(arch) or NAMESPACES[arch]),)


def read_namespaces(path: Path) -> dict[Arch, str]:
    """Return the namespaces of architectures; raises InputError for what is no architecture."""
    text = read_file(path).decode(errors="replace").strip()
    if text.startswith("{"):
        return {parse_arch(arch): namespace for arch, namespace in read_mapping(path).items()}
    pairs = [item.partition("=") for item in text.split(",") if item.strip()]
    return {parse_arch(arch.strip()): namespace.strip() for arch, _, namespace in pairs}


def read_mapping(path: Path) -> dict[str, str]:
    """Return a JSON file of names and texts; raises InputError with the place of what is wrong."""
    try:
        return msgspec.json.decode(read_file(path), type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is not a JSON object of texts: {error}") from None


def read_file(path: Path) -> bytes:
    """Return the file; raises InputError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def finish(outcome: Page | Failure | LeftAlone, options: Options) -> Row:
    """Write a page that is new, unless only a check is wanted, and return what became of it."""
    folder = f"{outcome.branch.name}/" if options.arch == "all" else ""
    name = f"{folder}{outcome.repo}/README.md"
    if isinstance(outcome, LeftAlone):
        return Row(name, "left alone", f"{outcome.repo} has no content.md")
    if isinstance(outcome, Failure):
        if len(options.images) == 1 and options.arch != "all":
            raise outcome.error
        return Row(name, "failed", outcome.error.message, outcome.error.hint)
    path = (options.out or options.docs or Path()) / name
    try:
        state = page_state(outcome, path)
        if state != "same" and not options.check:
            write_page(outcome, path)
    except OSError as error:
        raise BrewError(f"{path} cannot be written: {error.strerror}") from None
    return Row(name, state)


def report(rows: Iterable[Row], options: Options) -> None:
    """Print the pages that are not as they were, failures to stderr, and how many there are of each."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.state] = counts.get(row.state, 0) + 1
        if row.state == "failed":
            click.echo(f"error: {row.page}: {row.reason}" + (f" ({row.hint})" if row.hint else ""), err=True)
        elif row.state in ("new", "changed") and options.format == "table":
            click.echo(f"{row.state}\t{row.page}")
    if options.format == "json":
        show_json(list(rows))
    summary = ", ".join(f"{number} {state}" for state, number in counts.items())
    click.echo(f"pages: {summary or 'none'}", err=True)


def exit_status(rows: Iterable[Row], options: Options) -> int:
    """Return 1 where a page failed, or would change although only a check was wanted."""
    bad = {"failed", "new", "changed"} if options.check else {"failed"}
    return int(any(row.state in bad for row in rows))
