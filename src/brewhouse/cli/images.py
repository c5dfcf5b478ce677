"""`images`, `inspect`, `history`, `tag`, `rmi`: the images of the store, with Docker's options."""

import time
from datetime import UTC, datetime

import click
import msgspec

from brewhouse.cli.command import Command
from brewhouse.cli.describe import history_rows, image_rows, inspect_document, matches
from brewhouse.cli.listing import format_rows, parse_time
from brewhouse.cli.main import Settings
from brewhouse.errors import InputError
from brewhouse.oci.platform import Platform, parse_platform
from brewhouse.oci.reference import parse_reference
from brewhouse.system.store.catalog import Stored, find_image, find_stored, list_images, names_meant
from brewhouse.system.store.layout import Layout, open_layout

_IMAGES = {"Repository": "REPOSITORY", "Tag": "TAG", "ID": "IMAGE ID", "CreatedSince": "CREATED", "Size": "SIZE"}
_WITH_DIGESTS = {"Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", **_IMAGES}
_HISTORY = {"ID": "IMAGE", "CreatedSince": "CREATED", "CreatedBy": "CREATED BY", "Size": "SIZE", "Comment": "COMMENT"}

form_option = click.option("--format", "form", default="table", metavar="table|json|TEMPLATE", help="What to print.")
full_option = click.option("--no-trunc", "full", is_flag=True, help="Do not shorten.")
platform_option = click.option("--platform", default="", metavar="OS/ARCH", help="Of several platforms, take this one.")


class ImagesOptions(msgspec.Struct, frozen=True):
    """The command line of `images`."""

    name: str
    quiet: bool
    full: bool
    digests: bool
    filters: tuple[str, ...]
    form: str


@click.command(cls=Command)
@click.option("-a", "--all", "everything", is_flag=True, help="For compatibility: nothing is hidden.")
@click.option("-q", "--quiet", is_flag=True, help="Print ids only.")
@full_option
@click.option("--digests", is_flag=True, help="Print digests of manifests too.")
@click.option("-f", "--filter", "filters", multiple=True, metavar="KEY=VALUE", help="reference=, dangling=, label=.")
@form_option
@click.argument("name", default="")
@click.pass_context
def images(context: click.Context, /, **_options: object) -> None:
    """List the images of the store; NAME is a repository, with or without a tag.

    SIZE is of the blobs as they are stored and transferred, compressed.
    """
    options = msgspec.convert(context.params, ImagesOptions)
    filters = [*options.filters, *([f"reference={options.name}"] if options.name else [])]
    with open_layout(_settings(context).store) as layout:
        found = sorted(list_images(layout), key=_newest_first)
    rows = [
        row
        for stored in found
        for row in image_rows(stored, _now(), full=options.full)
        if matches(row, stored, filters)
    ]
    if options.quiet:
        click.echo("".join(f"{identity}\n" for identity in dict.fromkeys(row["ID"] for row in rows)), nl=False)
    else:
        _print(format_rows(rows, _WITH_DIGESTS if options.digests else _IMAGES, options.form))


@click.command(cls=Command)
@click.option("-f", "--format", "form", default="json", metavar="json|TEMPLATE", help="What to print.")
@click.option("--type", "kind", type=click.Choice(["image"]), default="image", help="For compatibility.")
@platform_option
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def inspect(settings: Settings, names: tuple[str, ...], form: str, platform: str, kind: str) -> None:  # noqa: ARG001 - see help
    """Print all that is known of images, as Docker's JSON."""
    with open_layout(settings.store) as layout:
        documents = [_inspect(layout, name, _platform(platform)) for name in names]
    if form == "json":
        _print(msgspec.json.format(msgspec.json.encode(documents), indent=4).decode())
    else:
        from brewhouse.cli.gotemplate import render

        _print("\n".join(render(form, document) for document in documents))


@click.command(cls=Command)
@full_option
@click.option("-q", "--quiet", is_flag=True, help="Print ids only.")
@click.option("-H", "--human/--no-human", default=True, help="Print sizes and dates for people.")
@form_option
@platform_option
@click.argument("name")
@click.pass_context
def history(context: click.Context, /, **_options: object) -> None:
    """Print the steps that made an image, the newest first."""
    options = msgspec.convert(context.params, HistoryOptions)
    with open_layout(_settings(context).store) as layout:
        image = find_image(layout, options.name, _platform(options.platform))
    rows = history_rows(image, _now(), full=options.full, human=options.human)
    _print("\n".join(str(row["ID"]) for row in rows) if options.quiet else format_rows(rows, _HISTORY, options.form))


class HistoryOptions(msgspec.Struct, frozen=True):
    """The command line of `history`."""

    name: str
    quiet: bool
    full: bool
    human: bool
    form: str
    platform: str


@click.command(cls=Command)
@click.argument("source")
@click.argument("target")
@click.pass_obj
def tag(settings: Settings, source: str, target: str) -> None:
    """Give the image SOURCE, a name or an id, the name TARGET too."""
    reference = parse_reference(target)
    if reference.digest:
        raise InputError(f"`{target}` has a digest", hint="write NAME[:TAG]")
    with open_layout(settings.store) as layout:
        layout.tag([str(reference)], find_stored(layout, source).entry)


@click.command(cls=Command)
@click.option("-f", "--force", is_flag=True, help="By id: also an image with several names.")
@click.option("--no-prune", is_flag=True, help="For compatibility: untagged parents are not kept here.")
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def rmi(settings: Settings, names: tuple[str, ...], *, force: bool, no_prune: bool) -> None:  # noqa: ARG001 - see help
    """Remove names, and the images that lose their last one; by id an image with its name."""
    from brewhouse.system.namespace import enter_namespace
    from brewhouse.system.store.prune import remove_images

    enter_namespace()
    with open_layout(settings.store) as layout:
        found = [(name, find_stored(layout, name)) for name in names]
        untagged: list[str] = []
        for name, stored in found:
            untagged += [wanted for wanted in _names_to_remove(name, stored, force=force) if wanted not in untagged]
        doomed = {stored.entry.digest: stored for _, stored in found if set(stored.names) <= set(untagged)}
        for name in untagged:
            layout.untag(name)
            click.echo(f"Untagged: {name}")
        remove_images(layout, doomed)
    for stored in doomed.values():
        click.echo(f"Deleted: {stored.image_id}")


def _names_to_remove(name: str, stored: Stored, *, force: bool) -> list[str]:
    """Return the names that `rmi NAME` takes away; raises InputError for an id with several, unless forced."""
    meant = names_meant(stored, name)
    if meant:
        return list(meant)
    if len(stored.names) > 1 and not force:
        mend = "remove the names, or add --force"
        raise InputError(f"image `{name}` has several names: {', '.join(stored.names)}", hint=mend)
    return list(stored.names)


def _inspect(layout: Layout, name: str, platform: Platform | None) -> dict[str, object]:
    stored = find_stored(layout, name, platform)
    return inspect_document(stored, stored.image or layout.image(stored.entry, platform))


def _newest_first(stored: Stored) -> tuple[float, tuple[str, ...]]:
    time_created = parse_time(stored.image.config.value.created) if stored.image else None
    return -time_created.timestamp() if time_created else 0, stored.names


def _platform(text: str) -> Platform | None:
    return parse_platform(text) if text else None


def _settings(context: click.Context) -> Settings:
    settings = context.find_object(Settings)
    assert settings is not None  # noqa: S101 - the group made it
    return settings


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def _print(text: str) -> None:
    """Print a text and a line end; nothing for nothing."""
    if text:
        click.echo(text)
