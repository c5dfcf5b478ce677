"""What the commands of `brewhouse library` share: bashbrew's options, and what they choose."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeVar

import click
import msgspec

from brewhouse.cli.command import Group
from brewhouse.cli.main import Settings
from brewhouse.cli.place import FOLDER, PATH
from brewhouse.errors import InputError
from brewhouse.library import repo_tags
from brewhouse.model import Entry
from brewhouse.oci.platform import Arch, parse_arch
from brewhouse.system.network.froms import FromsOf, open_froms
from brewhouse.tag.folder import Choice, LibraryFolder, find_choice
from brewhouse.tag.order import build_order, entries_in_build_order
from brewhouse.tag.select import Selection

DEFAULT_LIBRARY = "~/docker/official-images/library"
ALIASES = {
    "ls": "list",
    "ancestors": "parents",
    "progenitors": "parents",
    "offspring": "children",
    "descendants": "children",
    "progeny": "children",
}

Command = TypeVar("Command", bound=Callable[..., object])


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The command line of any of the commands; each has the options that it needs."""

    library: Path
    arch: Arch
    namespace: str
    constraints: tuple[str, ...]
    exclusive_constraints: bool
    froms: Path | None
    cache: Path
    format: Literal["table", "text", "markdown", "json"]
    repos: tuple[str, ...] = ()
    every: bool = False
    uniq: bool = False
    apply_constraints: bool = False
    arch_filter: bool = False
    build_order: bool = False
    only_repos: bool = False
    depth: int = 0

    def folder(self) -> LibraryFolder:
        """Return the folder of library files."""
        return LibraryFolder(self.library.expanduser())

    def selection(self) -> Selection:
        """Return which entries count."""
        return Selection(
            self.arch, self.arch_filter, self.apply_constraints, self.constraints, self.exclusive_constraints
        )

    def from_values(self) -> FromsOf:
        """Return what answers what entries are built from."""
        return open_froms(self.froms, self.cache, os.environ)


def read_question(context: click.Context) -> Question:
    """Return the options of a command; git repositories are kept in the store unless --cache says where."""
    settings = context.find_object(Settings)
    assert settings is not None  # noqa: S101 - the group made it
    cache = context.params["cache"] or settings.store / "cache" / "git"
    return msgspec.convert({**context.params, "cache": cache}, Question)


class VerbGroup(Group):
    """A group whose own options are defaults for those of its commands, which may have aliases."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name or an alias."""
        return super().get_command(ctx, ALIASES.get(cmd_name, cmd_name))

    def invoke(self, ctx: click.Context) -> object:
        """Hand on what stands before the command, as bashbrew's users write it."""
        given = {name: value for name, value in ctx.params.items() if value}
        ctx.default_map = dict.fromkeys([*self.commands, *ALIASES], given)
        return super().invoke(ctx)


def common_options(*, defaults: bool) -> Callable[[Command], Command]:
    """Return the options that all commands share; before the command they have no defaults of their own."""
    folder = FOLDER
    options = [
        click.option(
            "--library",
            type=folder,
            envvar="BASHBREW_LIBRARY",
            default=DEFAULT_LIBRARY if defaults else None,
            metavar="DIR",
            help=f"Where library files are; {DEFAULT_LIBRARY} by default.",
        ),
        click.option(
            "--arch",
            type=parse_arch,
            envvar="BASHBREW_ARCH",
            default="amd64" if defaults else None,
            metavar="ARCH",
            help="The architecture for --arch-filter and --apply-constraints; amd64 by default.",
        ),
        click.option("--namespace", envvar="BASHBREW_NAMESPACE", default="", metavar="NS", help="Name NS/REPO:TAG."),
        click.option(
            "--constraint",
            "constraints",
            multiple=True,
            envvar="BASHBREW_CONSTRAINTS",
            metavar="NAME",
            help="A constraint that this machine satisfies; repeatable.",
        ),
        click.option("--exclusive-constraints", is_flag=True, help="Skip entries without constraints."),
        click.option("--froms", type=PATH, metavar="FILE", help="FROM values, instead of git."),
        click.option("--cache", type=folder, metavar="DIR", help="Where git repositories are kept."),
    ]

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def format_option(*forms: str) -> Callable[[Command], Command]:
    """Return the option --format with `forms`, of which the first is the default, and "json"."""
    return click.option("--format", type=click.Choice([*forms, "json"]), default=forms[0], help="How to print.")


ALL = click.option("--all", "every", is_flag=True, help="All library files, before those that are named.")
UNIQ = click.option("--uniq", "--unique", is_flag=True, help="Each image once.")
APPLY = click.option("--apply-constraints", is_flag=True, help="Only entries whose constraints are satisfied.")
FILTER = click.option("--arch-filter", is_flag=True, help="Only entries that have the architecture.")
ORDER = click.option("--build-order", is_flag=True, help="Each after those that it is built from.")
DEPTH = click.option("--depth", type=click.IntRange(min=-1), default=0, metavar="N", help="Levels to go; 0: all.")
REPOS = click.argument("repos", nargs=-1, metavar="[REPO[:TAG]|PATH|URL]...")


def find_one(argument: str, folder: LibraryFolder) -> Choice:
    """Return what an argument names; a URL is fetched."""
    return find_choice(argument, folder, _fetch)


def _fetch(url: str) -> bytes:
    from brewhouse.system.network.http import download

    with TemporaryDirectory() as folder:
        return download(url, None, Path(folder)).path.read_bytes()


def chosen(question: Question, froms_of: FromsOf) -> list[Choice]:
    """Return what the arguments and --all name, in build order if that is asked for."""
    folder = question.folder()
    choices = [Choice(library) for library in folder.all()] if question.every else []
    choices.extend(find_one(argument, folder) for argument in question.repos)
    if not choices:
        raise InputError("no repository is named", hint="name at least one, or give --all")
    if not question.build_order:
        return choices
    froms_of.prepare([choice.library for choice in choices])
    return build_order(choices, question.selection(), question.namespace, froms_of)


def kept_entries(choice: Choice, question: Question, froms_of: FromsOf) -> Iterator[Entry]:
    """Yield the chosen entries that count; which are skipped for constraints, and why, goes to stderr."""
    selection = question.selection()
    entries: Sequence[Entry] = choice.entries
    if question.build_order:
        entries = entries_in_build_order(choice, selection, question.namespace, froms_of)
    for entry in entries:
        if selection.apply_constraints and (refusal := selection.refusal(entry)):
            print(f'skipping "{choice.library.name}:{entry.tags[0]}" ({refusal})', file=sys.stderr)
        elif selection.keeps(entry):
            yield entry


def names_of(entry: Entry, repo: str, question: Question) -> list[str]:
    """Return all names of an entry, or the first with --uniq."""
    names = list(repo_tags(entry, repo))
    return names[:1] if question.uniq else names


def show(rows: Sequence[msgspec.Struct], lines: Sequence[str], question: Question) -> None:
    """Print `rows` as one JSON array, or `lines`."""
    if question.format == "json":
        show_json(rows)
    elif lines:
        click.echo("\n".join(lines))


def show_json(value: object) -> None:
    """Print JSON for people and programs."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
