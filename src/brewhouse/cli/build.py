"""`brewhouse build`: an image from a Dockerfile, with Docker's options."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

import click
import msgspec

from brewhouse.build.context import Context, read_context
from brewhouse.build.request import BuildRequest, Trust
from brewhouse.cli.main import Settings
from brewhouse.cli.session import Session, open_session
from brewhouse.errors import InputError
from brewhouse.oci.platform import PLATFORMS, host_arch, parse_platform
from brewhouse.oci.reference import parse_reference
from brewhouse.pipeline import build_from_dockerfile, find_image
from brewhouse.system.sandbox import trust

PROGRESS = click.Choice(["auto", "tty", "live", "plain", "quiet", ""])


@click.command()
@click.option("-t", "--tag", "tags", multiple=True, metavar="NAME[:TAG]", help="Name the image; repeatable.")
@click.option(
    "-f", "--file", default="", metavar="FILE", help="The Dockerfile, if it is not PATH/Dockerfile; - is stdin."
)
@click.option("--build-arg", "build_args", multiple=True, metavar="NAME[=VALUE]", help="Set a build argument.")
@click.option("--build-context", "contexts", multiple=True, metavar="NAME=PATH", help="Add a named context.")
@click.option("--target", default="", help="Build this stage.")
@click.option("--secret", "secrets", multiple=True, metavar="id=ID[,src=FILE|,env=VAR]", help="Give a secret to RUN.")
@click.option("--ssh", "agents", multiple=True, metavar="default[=SOCKET]", help="Give an ssh agent to RUN.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Add a label to the image.")
@click.option("--platform", default="", help="Build for this platform, such as linux/arm64.")
@click.option("--network", type=click.Choice(["default", "host", "none"]), default="default", help="RUN's network.")
@click.option("--no-cache", is_flag=True, help="Carry out every step.")
@click.option("--progress", type=PROGRESS, default="", help="How progress is shown.")
@click.option("--iidfile", type=click.Path(path_type=Path, dir_okay=False), help="Write the image's ID to this file.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the image's ID.")
@click.argument("path", metavar="PATH|-")
@click.pass_context
def build(context: click.Context, /, **_options: object) -> None:
    """Build an image from a Dockerfile and the files in PATH."""
    options = msgspec.convert(context.params, Options)
    settings = context.find_object(Settings)
    assert settings is not None  # noqa: S101 - the group made it
    names = [str(parse_reference(name)) for name in options.tags]
    with open_session(settings, "quiet" if options.quiet else options.progress) as session:
        source = read_context(options.path, options.file, sys.stdin.buffer, Path(mkdtemp(dir=session.layout.tmp)))
        request = make_request(options, source, session, os.environ)
        image = build_from_dockerfile(request, names, session.layout, session.progress)
        identity = image.manifest.value.config.digest
        if options.iidfile:
            options.iidfile.write_text(identity, encoding="ascii")
    click.echo(identity if options.quiet else "\n".join([identity, *names]))


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The command line of `build`."""

    path: str
    file: str
    tags: tuple[str, ...]
    build_args: tuple[str, ...]
    contexts: tuple[str, ...]
    target: str
    secrets: tuple[str, ...]
    agents: tuple[str, ...]
    labels: tuple[str, ...]
    platform: str
    network: Literal["default", "host", "none"]
    no_cache: bool
    progress: str
    iidfile: Path | None
    quiet: bool


def make_request(options: Options, source: Context, session: Session, environment: Mapping[str, str]) -> BuildRequest:
    """Return what is to be built; raises InputError for an option that is malformed."""
    build_args = _build_args(options.build_args, environment)
    if environment.get("SOURCE_DATE_EPOCH"):
        build_args.setdefault("SOURCE_DATE_EPOCH", environment["SOURCE_DATE_EPOCH"])
    mounts, env = trust(environment)
    return BuildRequest(
        dockerfile=source.dockerfile,
        name=source.name,
        context=source.folder,
        ignore=source.ignore,
        platform=parse_platform(options.platform) if options.platform else PLATFORMS[host_arch()],
        find_image=lambda reference, platform: find_image(session.layout, reference, platform),
        target=options.target,
        build_args=build_args,
        labels=_pairs("--label", options.labels),
        secrets=_secrets(options.secrets, environment),
        contexts=_pairs("--build-context", options.contexts),
        network=options.network,
        no_cache=options.no_cache,
        trust=Trust(mounts, env),
        agent=_agent(options.agents, environment),
    )


def _build_args(texts: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return build arguments; one without a value takes the environment's, or is left out where that has none."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name:
            raise InputError(f"`--build-arg {text}` has no name", hint="write --build-arg NAME=VALUE")
        if equals or name in environment:
            found[name] = value if equals else environment[name]
    return found


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or (option != "--label" and not equals):
            raise InputError(f"`{option} {text}` is malformed", hint=f"write {option} NAME=VALUE")
        found[name] = value
    return found


def _secrets(texts: Sequence[str], environment: Mapping[str, str]) -> dict[str, bytes]:
    """Return the secrets by id, from files or variables, as Docker reads them."""
    return dict(_secret(text, environment) for text in texts)


def _secret(text: str, environment: Mapping[str, str]) -> tuple[str, bytes]:
    keys = dict(part.partition("=")[::2] for part in text.split(","))
    unknown = keys.keys() - {"id", "src", "source", "env", "type"}
    if unknown or not keys.get("id"):
        raise InputError(f"`--secret {text}` is malformed", hint="write --secret id=ID,src=FILE or id=ID,env=VARIABLE")
    file = keys.get("src") or keys.get("source")
    variable = keys.get("env") or ("" if file else keys["id"])
    if not file and variable in environment:
        return keys["id"], environment[variable].encode("utf-8", "surrogateescape")
    try:
        return keys["id"], Path(file or keys["id"]).read_bytes()
    except OSError as error:
        raise InputError(f"secret `{keys['id']}` cannot be read: {error.filename}: {error.strerror}") from error


def _agent(texts: Sequence[str], environment: Mapping[str, str]) -> str:
    for text in texts:
        identity, _, socket = text.partition("=")
        if identity != "default":
            raise InputError(f"`--ssh {text}`: only the agent `default` is known", hint="write --ssh default[=SOCKET]")
        found = socket or environment.get("SSH_AUTH_SOCK", "")
        if not found:
            raise InputError("--ssh default: there is no agent", hint="start ssh-agent, or write --ssh default=SOCKET")
        return found
    return ""
