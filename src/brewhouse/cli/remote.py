"""What the commands that speak to registries share: their options, and the registries opened."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click
import msgspec

from brewhouse.cli.main import Settings
from brewhouse.cli.session import Session, open_session
from brewhouse.system.registry.registries import Registries, open_registries
from brewhouse.system.registry.settings import read_settings

Command = TypeVar("Command", bound=Callable[..., object])

QUIET = click.option("-q", "--quiet", is_flag=True, help="Print only what was made.")
PLATFORM = click.option("--platform", default="", metavar="OS/ARCH", help="Of several platforms, take this one.")
FORMAT = click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to print.")


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """How registries are trusted, as the command line says it."""

    insecure: bool
    ca: str


def trust_options(command: Command) -> Command:
    """Add the options that say how registries are trusted."""
    insecure = click.option("--insecure", is_flag=True, help="Use HTTP, or any certificate; loopback always may.")
    ca = click.option("--ca", default="", metavar="FILE", help="Trust the certificates in this file too.")
    return insecure(ca(command))


def find_settings(context: click.Context) -> Settings:
    """Return what stands before the command."""
    settings = context.find_object(Settings)
    assert settings is not None  # noqa: S101 - the group made it
    return settings


@contextmanager
def opened_registries(context: click.Context) -> Iterator[Registries]:
    """Give the registries, as the options of the command and the user's file want them."""
    trust = msgspec.convert({name: context.params[name] for name in ("insecure", "ca")}, Trust)
    settings = read_settings(find_settings(context).config, os.environ, insecure=trust.insecure, ca=trust.ca)
    with open_registries(settings, os.environ) as registries:
        yield registries


@contextmanager
def opened(context: click.Context, *, quiet: bool = False) -> Iterator[tuple[Session, Registries]]:
    """Give the store and the registries; progress is shown unless it is not wanted."""
    with (
        opened_registries(context) as registries,
        open_session(find_settings(context), "quiet" if quiet else "", mounts=False) as session,
    ):
        yield session, registries


def note(text: str) -> None:
    """Write a line to stderr, which is no data."""
    print(text, file=sys.stderr)
