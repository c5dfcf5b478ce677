"""`brewhouse library`: what bashbrew answers about library files, with its options."""

from collections.abc import Iterable

import click
import msgspec

from brewhouse.cli.library_options import (
    ALL,
    APPLY,
    DEPTH,
    FILTER,
    ORDER,
    REPOS,
    UNIQ,
    Question,
    VerbGroup,
    chosen,
    common_options,
    find_one,
    format_option,
    kept_entries,
    names_of,
    read_question,
    show,
    show_json,
)
from brewhouse.cli.main import Settings
from brewhouse.errors import InputError
from brewhouse.family.load import load_families, shipped_families
from brewhouse.library import with_namespace
from brewhouse.oci.platform import Arch
from brewhouse.tag.children import children as children_of
from brewhouse.tag.children import find_images, read_descent
from brewhouse.tag.diff import diff_libraries
from brewhouse.tag.diff_report import diff_markdown, diff_text
from brewhouse.tag.folder import Choice
from brewhouse.tag.parents import Relative, images_of
from brewhouse.tag.parents import parents as parents_of
from brewhouse.tag.write import write_library, write_whole_entry


class ListRow(msgspec.Struct, frozen=True):
    """A line of `list`."""

    name: str
    shared: bool
    architectures: tuple[Arch, ...]


class FromRow(msgspec.Struct, frozen=True):
    """A line of `from`."""

    name: str
    froms: list[str]


@click.group(cls=VerbGroup)
@common_options(defaults=False)
def library(**_options: object) -> None:
    """Ask library files for tags, parents and children, and what a change of one does."""


@library.command("list")
@common_options(defaults=True)
@format_option("table")
@ALL
@UNIQ
@APPLY
@FILTER
@ORDER
@click.option("--repos", "only_repos", is_flag=True, help="Only the names of repositories.")
@REPOS
@click.pass_context
def list_command(context: click.Context, /, **_options: object) -> None:
    """List tags, one a line: simple tags first, then shared tags."""
    question = read_question(context)
    froms_of = question.from_values()
    rows: list[ListRow] = []
    for choice in chosen(question, froms_of):
        repo = with_namespace(question.namespace, choice.library.name)
        if question.only_repos and not choice.tag:
            rows.append(ListRow(repo, shared=False, architectures=all_arches(choice)))
            continue
        entries = choice.entries[:1] if question.only_repos else kept_entries(choice, question, froms_of)
        for entry in entries:
            rows.extend(
                ListRow(name, number >= len(entry.tags), entry.architectures)
                for number, name in enumerate(names_of(entry, repo, question))
            )
    show(rows, [row.name for row in rows], question)


def all_arches(choice: Choice) -> tuple[Arch, ...]:
    """Return the architectures of all entries, sorted."""
    return tuple(sorted({arch for entry in choice.entries for arch in entry.architectures}))


@library.command()
@common_options(defaults=True)
@format_option("text")
@ALL
@ORDER
@REPOS
@click.pass_context
def cat(context: click.Context, /, **_options: object) -> None:
    """Print library files in their canonical form, or the entries of one tag with all that they inherit."""
    question = read_question(context)
    choices = chosen(question, question.from_values())
    if question.format == "json":
        show_json([msgspec.structs.replace(choice.library, entries=choice.entries) for choice in choices])
        return
    click.echo("\n\n".join(cat_text(choice) for choice in choices), nl=False)


def cat_text(choice: Choice) -> str:
    """Return a library file, or the entries of a tag with an empty line between them; ends with a newline."""
    if choice.tag:
        return "\n\n".join(write_whole_entry(entry) for entry in choice.entries) + "\n"
    return write_library(choice.library)


@library.command("from")
@common_options(defaults=True)
@format_option("table")
@ALL
@UNIQ
@APPLY
@FILTER
@REPOS
@click.pass_context
def from_command(context: click.Context, /, **_options: object) -> None:
    """Print what each tag is built from, over all stages and architectures."""
    question = read_question(context)
    froms_of = question.from_values()
    choices = chosen(question, froms_of)
    froms_of.prepare([choice.library for choice in choices])
    rows: list[FromRow] = []
    for choice in choices:
        repo = with_namespace(question.namespace, choice.library.name)
        for entry in kept_entries(choice, question, froms_of):
            images = images_of(choice.library, entry, question.selection(), froms_of)
            rows.extend(FromRow(name, images) for name in names_of(entry, repo, question))
    show(rows, [f"{row.name}: {' '.join(row.froms)}" for row in rows], question)


@library.command()
@common_options(defaults=True)
@format_option("table")
@UNIQ
@APPLY
@FILTER
@DEPTH
@REPOS
@click.pass_context
def parents(context: click.Context, /, **_options: object) -> None:
    """Print what tags are built from, level by level."""
    question = read_question(context)
    froms_of = question.from_values()
    found: list[Relative] = []
    for choice in chosen(question, froms_of):
        found.extend(parents_of(choice, question.folder(), question.selection(), froms_of, question.depth))
    show_relatives(found, question)


@library.command()
@common_options(defaults=True)
@format_option("table")
@UNIQ
@APPLY
@FILTER
@DEPTH
@click.argument("repos", nargs=-1, metavar="NAME[:TAG]...")
@click.pass_context
def children(context: click.Context, /, **_options: object) -> None:
    """Print what is built from images, level by level, over the whole library; --depth -1 prints what NAME means."""
    question = read_question(context)
    if not question.repos:
        raise InputError("no image is named", hint="name at least one, such as debian:trixie or buildpack-deps")
    descent = read_descent(question.folder().all(), question.selection(), question.namespace, question.from_values())
    found: list[Relative] = []
    for name in question.repos:
        for image in find_images(descent, name, question.namespace):
            if question.depth == -1:
                found.append(Relative(image, 0))
            else:
                found.extend(children_of(descent, image, question.depth))
    show_relatives(found, question)


def show_relatives(found: Iterable[Relative], question: Question) -> None:
    """Print images, each once with --uniq."""
    rows = list(found)
    if question.uniq:
        first: dict[str, Relative] = {}
        for row in rows:
            first.setdefault(row.name, row)
        rows = list(first.values())
    show(rows, [row.name for row in rows], question)


@library.command()
@common_options(defaults=True)
@format_option("text", "markdown")
@click.option("--no-children", is_flag=True, help="Leave out the images that are built from changed ones.")
@click.argument("old")
@click.argument("new")
@click.pass_context
def diff(context: click.Context, /, old: str, new: str, *, no_children: bool, **_options: object) -> None:
    """Say what happens when the library file OLD becomes NEW: to tags, to Dockerfiles, and to images built from it."""
    question = read_question(context)
    folder = question.folder()
    before, after = (find_one(argument, folder).library for argument in (old, new))
    everything = [] if no_children or not folder.root.is_dir() else folder.all()
    others = [one for one in everything if one.name not in (before.name, after.name)]
    change = diff_libraries(before, after, [] if no_children else [after, *others], question.from_values())
    if question.format == "json":
        show_json(change)
    else:
        click.echo(diff_markdown(change) if question.format == "markdown" else diff_text(change), nl=False)


@library.command()
@click.option("--git-repo", default="", metavar="URL", help="Where the Dockerfiles are; by default as the family says.")
@click.option("--git-commit", required=True, metavar="COMMIT", help="The commit that holds them.")
@click.argument("family")
@click.pass_context
def write(context: click.Context, /, family: str, git_repo: str, git_commit: str) -> None:
    """Print the library file of a family whose Dockerfiles, as `brewhouse render` writes them, are at a commit."""
    from brewhouse.pipeline.pages import published_library

    settings = context.find_object(Settings)
    assert settings is not None  # noqa: S101 - the group made it
    families = load_families([shipped_families(), *settings.families])
    click.echo(write_library(published_library(families, family, git_repo, git_commit)), nl=False)
