"""`pull` and `push`: images between the store and registries, with Docker's options."""

import click
import msgspec

from brewhouse.cli.command import Command
from brewhouse.cli.remote import PLATFORM, QUIET, opened, trust_options
from brewhouse.errors import InputError
from brewhouse.oci.platform import parse_platform
from brewhouse.oci.reference import Reference, parse_reference
from brewhouse.publish.transfer import names_in_store, pull_image, push_image, tags_of


class PullOptions(msgspec.Struct, frozen=True):
    """The command line of `pull`."""

    name: str
    platform: str
    every_tag: bool
    quiet: bool


@click.command(cls=Command)
@click.option("-a", "--all-tags", "every_tag", is_flag=True, help="Pull all tags of the repository.")
@PLATFORM
@QUIET
@trust_options
@click.argument("name", metavar="NAME[:TAG|@DIGEST]")
@click.pass_context
def pull(context: click.Context, /, **_options: object) -> None:
    """Pull an image from a registry into the store."""
    options = msgspec.convert(context.params, PullOptions)
    reference = parse_reference(options.name)
    platform = parse_platform(options.platform) if options.platform else None
    with opened(context, quiet=options.quiet) as (session, registries):
        wanted = [reference]
        if options.every_tag:
            _refuse_tag(options.name)
            wanted = [msgspec.structs.replace(reference, tag=tag) for tag in tags_of(reference, registries)]
        for each in wanted:
            pulled = pull_image(each, platform, session.layout, registries, session.progress)
            if not options.quiet:
                status = "Downloaded newer image for" if pulled.is_new else "Image is up to date for"
                click.echo(f"Digest: {pulled.digest}\nStatus: {status} {each}")
            click.echo(_whole_name(each))


class PushOptions(msgspec.Struct, frozen=True):
    """The command line of `push`."""

    name: str
    every_tag: bool
    quiet: bool


@click.command(cls=Command)
@click.option("-a", "--all-tags", "every_tag", is_flag=True, help="Push all tags of the repository.")
@QUIET
@trust_options
@click.argument("name", metavar="NAME[:TAG]")
@click.pass_context
def push(context: click.Context, /, **_options: object) -> None:
    """Push an image of the store to the registry in its name; of an index, the images of all platforms."""
    options = msgspec.convert(context.params, PushOptions)
    reference = parse_reference(options.name)
    with opened(context, quiet=options.quiet) as (session, registries):
        names = [options.name]
        if options.every_tag:
            _refuse_tag(options.name)
            names = names_in_store(reference, session.layout)
        for name in names:
            copied = push_image(name, session.layout, registries, session.progress)
            each = parse_reference(name)
            if options.quiet:
                click.echo(_whole_name(each))
            else:
                sent = f"{copied.bytes_sent} bytes sent" if copied.count_sent else "nothing to send"
                click.echo(f"{each.tag}: digest: {copied.descriptor.digest} size: {copied.descriptor.size} ({sent})")


def _refuse_tag(name: str) -> None:
    head, colon, tail = name.rpartition(":")
    if "@" in name or (head and colon and "/" not in tail):
        raise InputError(f"`{name}` has a tag or digest, and --all-tags means all", hint="write the name alone")


def _whole_name(reference: Reference) -> str:
    """Return the name with its registry, as Docker prints it: "docker.io/library/python:3"."""
    end = f"@{reference.digest}" if reference.digest else f":{reference.tag}"
    return f"{reference.domain}/{reference.path}{end}"
