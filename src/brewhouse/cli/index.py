"""`index`: several images under one name, one for each platform."""

from collections.abc import Iterable, Sequence

import click
import msgspec

from brewhouse.cli.command import Group
from brewhouse.cli.listing import format_table
from brewhouse.cli.remote import FORMAT, opened, opened_registries, trust_options
from brewhouse.errors import InputError
from brewhouse.oci.document import INDEX, INDEX_TYPES, Index, read_document
from brewhouse.oci.reference import parse_reference
from brewhouse.publish.ends import registry_source
from brewhouse.publish.index import Change, annotate_entry, annotate_index, find_entry
from brewhouse.publish.indexing import create_index, replace_index

ANNOTATION = click.option("--annotation", "annotations", multiple=True, metavar="KEY=VALUE", help="Add an annotation.")


@click.group(cls=Group)
def index() -> None:
    """Put images of several platforms under one name in a registry."""


class CreateOptions(msgspec.Struct, frozen=True):
    """The command line of `index create`."""

    name: str
    images: tuple[str, ...]
    annotations: tuple[str, ...]


@index.command()
@ANNOTATION
@trust_options
@click.argument("name", metavar="REGISTRY/NAME:TAG")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.pass_context
def create(context: click.Context, /, **_options: object) -> None:
    """Push an index of images, each in a registry or, as store:NAME, in the store.

    Platforms are those that the images' configs tell. Windows images stand last, the newest build first.
    """
    options = msgspec.convert(context.params, CreateOptions)
    with opened(context) as (session, registries):
        annotations = read_pairs(options.annotations)
        copied = create_index(
            parse_reference(options.name), options.images, annotations, session.layout, registries, session.progress
        )
    click.echo(copied.descriptor.digest)


class InspectOptions(msgspec.Struct, frozen=True):
    """The command line of `index inspect`."""

    name: str
    form: str


@index.command()
@FORMAT
@trust_options
@click.argument("name", metavar="REGISTRY/NAME[:TAG|@DIGEST]")
@click.pass_context
def inspect(context: click.Context, /, **_options: object) -> None:
    """List the images of an index, in its order."""
    options = msgspec.convert(context.params, InspectOptions)
    with opened_registries(context) as registries:
        raw = registry_source(parse_reference(options.name), registries).top().raw
    found = read_document(raw, Index, options.name).value
    if options.form == "json":
        click.echo(msgspec.json.format(raw))
        return
    rows = [
        [entry.digest, str(entry.platform or ""), entry.platform.os_version if entry.platform else "", str(entry.size)]
        for entry in found.manifests
    ]
    click.echo(format_table([["DIGEST", "PLATFORM", "OS VERSION", "SIZE"], *rows]))


class AnnotateOptions(msgspec.Struct, frozen=True):
    """The command line of `index annotate`."""

    name: str
    entry: str
    annotations: tuple[str, ...]
    os_version: str
    os_features: tuple[str, ...]
    variant: str


@index.command()
@ANNOTATION
@click.option("--os-version", default="", help="Set it for the entry.")
@click.option("--os-feature", "os_features", multiple=True, help="Set it for the entry; repeatable.")
@click.option("--variant", default="", help="Set it for the entry.")
@trust_options
@click.argument("name", metavar="REGISTRY/NAME:TAG")
@click.argument("entry", default="", metavar="[DIGEST|OS/ARCH]")
@click.pass_context
def annotate(context: click.Context, /, **_options: object) -> None:
    """Change an index, or one entry of it: annotations (an empty value removes one), os.version, variant."""
    options = msgspec.convert(context.params, AnnotateOptions)
    annotations = read_pairs(options.annotations)
    change = Change(
        annotations=annotations,
        os_version=options.os_version,
        os_features=options.os_features,
        variant=options.variant,
    )
    if not options.entry and change != Change(annotations=annotations):
        raise InputError("which entry is to be changed?", hint="name its digest or platform behind the index")
    reference = parse_reference(options.name)
    with opened_registries(context) as registries:
        top = registry_source(reference, registries).top()
        if top.descriptor.media_type not in INDEX_TYPES:
            raise InputError(f"{options.name} is not an index", hint="make one: brewhouse index create")
        old = read_document(top.raw, Index, options.name).value
        if options.entry:
            new = annotate_entry(old, find_entry(old, options.entry), change)
        else:
            new = annotate_index(old, annotations)
        replace_index(reference, new, old.media_type or INDEX, registries)
    click.echo(new.digest)


def read_pairs(texts: Sequence[str]) -> dict[str, str]:
    """Return options of the form KEY=VALUE; raises InputError for one without a key or =."""
    return dict(_pairs(texts))


def _pairs(texts: Sequence[str]) -> Iterable[tuple[str, str]]:
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise InputError(f"`{text}` is not an annotation", hint="write KEY=VALUE")
        yield key, value
