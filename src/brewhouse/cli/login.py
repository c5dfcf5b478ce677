"""`login` and `logout`: who we are to a registry, kept where Docker keeps it."""

import os
import sys

import click
import msgspec

from brewhouse.cli.command import Command
from brewhouse.cli.remote import opened_registries, trust_options
from brewhouse.errors import InputError
from brewhouse.oci.reference import DEFAULT_DOMAIN
from brewhouse.system.network.credentials import Credential, Credentials


class Options(msgspec.Struct, frozen=True):
    """The command line of `login`."""

    server: str
    username: str
    password: str
    password_stdin: bool


@click.command(cls=Command)
@click.option("-u", "--username", default="", metavar="NAME", help="User name; asked for if it is not given.")
@click.option("-p", "--password", default="", metavar="PASSWORD", help="Password; better asked for, or from stdin.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")
@trust_options
@click.argument("server", default=DEFAULT_DOMAIN)
@click.pass_context
def login(context: click.Context, /, **_options: object) -> None:
    """Log in to a registry: the password is tried, then kept where `docker login` keeps it."""
    options = msgspec.convert(context.params, Options)
    server = _server(options.server)
    credential = _ask(options)
    with opened_registries(context) as registries:
        registry = registries.open_as(server, credential)
        try:
            registry.ping()
        finally:
            registry.transport.close()
    where = Credentials(os.environ).keep(server, credential)
    click.echo(f"Login Succeeded\nThe password for {server} is kept in {where}")


@click.command(cls=Command)
@click.argument("server", default=DEFAULT_DOMAIN)
def logout(server: str) -> None:
    """Forget the password for a registry."""
    name = _server(server)
    was_known = Credentials(os.environ).forget(name)
    click.echo(f"Removing login credentials for {name}" if was_known else f"Not logged in to {name}")


def _server(text: str) -> str:
    """Return the registry's name without scheme and path: "https://index.docker.io/v1/" is docker.io."""
    host = text.removeprefix("https://").removeprefix("http://").partition("/")[0]
    if not host or any(not char.isascii() or char.isspace() for char in host):
        raise InputError(f"`{text}` is not a registry", hint="write HOST[:PORT]")
    return DEFAULT_DOMAIN if host in ("index.docker.io", "registry-1.docker.io") else host


def _ask(options: Options) -> Credential:
    if options.password and options.password_stdin:
        raise InputError("--password and --password-stdin exclude each other", hint="leave out --password")
    if options.password_stdin and not options.username:
        raise InputError("--password-stdin needs --username", hint="add --username NAME")
    username, password = options.username, options.password
    if options.password_stdin:
        password = sys.stdin.read().rstrip("\r\n")
    elif not (username and password) and not sys.stdin.isatty():
        raise InputError("there is no terminal to ask for a password on", hint="use --username and --password-stdin")
    username = username or click.prompt("Username", err=True)
    password = password or click.prompt("Password", hide_input=True, err=True)
    return Credential(username, password)
