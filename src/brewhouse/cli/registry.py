"""`registry`: what a registry has, looked at and removed piece by piece."""

import sys

import click
import msgspec

from brewhouse.cli.command import Group
from brewhouse.cli.listing import format_table
from brewhouse.cli.remote import FORMAT, opened_registries, trust_options
from brewhouse.errors import InputError
from brewhouse.oci.digest import parse_digest
from brewhouse.oci.document import Descriptor
from brewhouse.oci.reference import Reference, parse_reference
from brewhouse.publish.ends import RegistrySource
from brewhouse.publish.transfer import tags_of
from brewhouse.system.registry.blobs import checked_blob, delete_blob


@click.group(cls=Group)
def registry() -> None:
    """Look at what a registry has, and remove it."""


class Options(msgspec.Struct, frozen=True):
    """The command line of any of the commands; each has what it needs."""

    reference: str
    form: str = "table"
    is_blob: bool = False


@registry.command()
@FORMAT
@trust_options
@click.argument("reference", metavar="REGISTRY/NAME")
@click.pass_context
def tags(context: click.Context, /, **_options: object) -> None:
    """List the tags of a repository."""
    options = _read(context)
    with opened_registries(context) as registries:
        found = tags_of(parse_reference(options.reference), registries)
    if options.form == "json":
        click.echo(msgspec.json.encode(found))
    else:
        click.echo("".join(f"{tag}\n" for tag in found), nl=False)


@registry.command()
@trust_options
@click.argument("reference", metavar="REGISTRY/NAME[:TAG|@DIGEST]")
@click.pass_context
def manifest(context: click.Context, /, **_options: object) -> None:
    """Print a manifest or index, byte by byte as the registry has it."""
    reference = parse_reference(_read(context).reference)
    with opened_registries(context) as registries:
        source = RegistrySource(registries.readers(reference), reference.digest or reference.tag)
    click.echo(source.top().raw, nl=False)


@registry.command()
@trust_options
@click.argument("reference", metavar="REGISTRY/NAME@DIGEST")
@click.pass_context
def blob(context: click.Context, /, **_options: object) -> None:
    """Print a blob, checked against its digest."""
    reference = _with_digest(_read(context).reference)
    if sys.stdout.isatty():
        raise InputError("will not write a blob to a terminal", hint="redirect stdout")
    with opened_registries(context) as registries:
        place = registries.origin(reference)
        digest = parse_digest(reference.digest or "")
        for piece in checked_blob(place.registry, place.repository, digest):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


@registry.command()
@FORMAT
@trust_options
@click.argument("reference", metavar="REGISTRY/NAME[:TAG|@DIGEST]")
@click.pass_context
def referrers(context: click.Context, /, **_options: object) -> None:
    """List what refers to a manifest: signatures, SBOMs, provenance."""
    options = _read(context)
    reference = parse_reference(options.reference)
    with opened_registries(context) as registries:
        place = registries.origin(reference)
        subject = reference.digest or place.registry.fetch(place.repository, reference.tag).descriptor.digest
        found = place.registry.referrers(place.repository, subject)
    if options.form == "json":
        click.echo(msgspec.json.encode(found))
    else:
        click.echo(format_table([["DIGEST", "TYPE", "SIZE"], *map(_cells, found)]))


@registry.command()
@click.option("--blob", "is_blob", is_flag=True, help="DIGEST is of a blob, not of a manifest.")
@trust_options
@click.argument("reference", metavar="REGISTRY/NAME[:TAG|@DIGEST]")
@click.pass_context
def delete(context: click.Context, /, **_options: object) -> None:
    """Delete an image with all tags that stand for it, or one blob."""
    options = _read(context)
    reference = _with_digest(options.reference) if options.is_blob else parse_reference(options.reference)
    with opened_registries(context) as registries:
        place = registries.origin(reference)
        if options.is_blob:
            delete_blob(place.registry, place.repository, parse_digest(reference.digest or ""))
            click.echo(f"Deleted: {reference.digest}")
            return
        digest = reference.digest or place.registry.fetch(place.repository, reference.tag).descriptor.digest
        place.registry.delete(place.repository, digest)
    click.echo(f"Deleted: {digest}")


def _read(context: click.Context) -> Options:
    return msgspec.convert(context.params, Options)


def _with_digest(text: str) -> Reference:
    reference = parse_reference(text)
    if not reference.digest:
        raise InputError(f"`{text}` names no blob", hint="write REGISTRY/NAME@sha256:...")
    return reference


def _cells(entry: Descriptor) -> list[str]:
    return [entry.digest, entry.artifact_type or entry.media_type, str(entry.size)]
