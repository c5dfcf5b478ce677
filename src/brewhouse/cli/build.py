"""`brewhouse build`: an image from a Dockerfile, with Docker's options."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from brewhouse.build.inputs.context import read_context
from brewhouse.build.inputs.gate import Gate
from brewhouse.build.request import BuildRequest
from brewhouse.build.results.output import common_epoch, writes_stdout
from brewhouse.cli.build_call import parse_call
from brewhouse.cli.build_foreign import foreign_options
from brewhouse.cli.build_limits import limit_options, read_limits
from brewhouse.cli.build_options import (
    Options,
    check_options,
    entitlements,
    keeps_git,
    make_request,
    parse_agents,
    read_access,
    read_outputs,
    read_platforms,
)
from brewhouse.cli.build_results import check_mirrors, check_outputs, deliver, export_caches
from brewhouse.cli.command import Command
from brewhouse.cli.main import PROGRESS, Settings
from brewhouse.cli.place import FILE
from brewhouse.cli.session import Session, open_session
from brewhouse.errors import InputError
from brewhouse.oci.reference import parse_reference
from brewhouse.pipeline.exchange import build_platforms, context_fetcher
from brewhouse.pipeline.outside import Outside
from brewhouse.system.registry.registries import open_registries
from brewhouse.system.registry.settings import read_settings
from brewhouse.system.store.disk import new_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from brewhouse.build.image import Made
    from brewhouse.build.inputs.policy import Policy
    from brewhouse.cli.build_results import Delivered
    from brewhouse.dockerfile.instruction import DockerfileWarning
    from brewhouse.model import Attestation
    from brewhouse.report.attests import Attests
    from brewhouse.system.windows.wine import Wine

_PLATFORM = "Build for these platforms: linux/amd64,linux/arm64, or local. [env: DOCKER_DEFAULT_PLATFORM]"


@click.command(cls=Command, params=foreign_options())
@click.option("-t", "--tag", "tags", multiple=True, metavar="NAME[:TAG]", help="Name the image; repeatable.")
@click.option(
    "-f", "--file", default="", metavar="FILE", help="The Dockerfile, if it is not PATH/Dockerfile; - is stdin."
)
@click.option("--build-arg", "build_args", multiple=True, metavar="NAME[=VALUE]", help="Set a build argument.")
@click.option("--build-context", "contexts", multiple=True, metavar="NAME=CONTEXT", help="Add a named context.")
@click.option("--target", default="", help="Build this stage.")
@click.option("--secret", "secrets", multiple=True, metavar="id=ID[,src=FILE|,env=VAR]", help="Give a secret to RUN.")
@click.option("--ssh", "agents", multiple=True, metavar="ID[=SOCKET|KEY,KEY]", help="Give an ssh agent to RUN.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Add a label to the image.")
@click.option("--platform", "platforms", multiple=True, envvar="DOCKER_DEFAULT_PLATFORM", help=_PLATFORM)
@click.option("--network", type=click.Choice(["default", "host", "none"]), default="default", help="RUN's network.")
@click.option("--no-cache", is_flag=True, help="Carry out every step.")
@click.option("--no-cache-filter", multiple=True, metavar="STAGE", help="Carry out every step of these stages.")
@click.option(
    "--cache-to", multiple=True, metavar="type=TYPE,dest=DIR", help="Export the cache: local, registry, inline."
)
@click.option("--cache-from", multiple=True, metavar="type=TYPE,src=DIR", help="Take steps from an exported cache.")
@click.option("--pull", is_flag=True, help="Ask registries for newer base images.")
@click.option("-o", "--output", "outputs", multiple=True, metavar="DIR|type=TYPE,dest=FILE", help="What to make.")
@click.option("--annotation", "annotations", multiple=True, metavar="[LEVEL:]KEY=VALUE", help="Annotate the image.")
@click.option("--push", is_flag=True, help="Push the image to the registries in its names.")
@click.option("--load", is_flag=True, help="Keep the image in the store, whatever else is made of it.")
@click.option(
    "--call", "call", default="build", metavar="METHOD[,format=json]", help="Do not build: check, outline, targets."
)
@click.option("--check", is_flag=True, help="Check the Dockerfile: --call=check.")
@click.option("--allow", multiple=True, metavar="ENTITLEMENT", help="Let steps use the host's network: network.host.")
@click.option("--add-host", "add_hosts", multiple=True, metavar="NAME:ADDRESS", help="Add a line to /etc/hosts.")
@click.option(
    "--ulimit", "ulimits", multiple=True, metavar="NAME=SOFT[:HARD]", help="Limit what steps use: nofile=1024."
)
@limit_options
@click.option("--attest", "attests", multiple=True, metavar="type=TYPE[,KEY=VALUE]", help="Say things of the image.")
@click.option("--provenance", default="", metavar="true|false|mode=min|mode=max", help="Say how the image was made.")
@click.option("--sbom", default="", metavar="true|false", help="Say which packages are in the image.")
@click.option("--shm-size", default="", metavar="SIZE", help="Size of /dev/shm.")
@click.option("--progress", type=click.Choice([*PROGRESS, ""]), default="", help="How progress is shown.")
@click.option("--wine", type=click.Choice(["auto", "off"]), default="auto", help="RUN by Wine in Windows images.")
@click.option("--cross-pip", is_flag=True, help="With --wine off: install the wheels of `RUN pip install` without it.")
@click.option("--iidfile", type=FILE, help="Write the image's ID to this file.")
@click.option("--metadata-file", type=FILE, help="Write digests and names to this file, as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the image's ID.")
@click.option("-D", "--debug", is_flag=True, help="Show warnings with their lines, and tracebacks.")
@click.argument("path", metavar="PATH|URL|-")
@click.pass_context
def build(context: click.Context, /, **_options: object) -> None:
    """Build an image from a Dockerfile and the files in PATH, a git repository or a tar."""
    options = msgspec.convert(context.params, Options)
    check_options(options)
    settings = context.find_object(Settings)
    assert settings is not None  # noqa: S101 - the group made it
    names = [str(parse_reference(name)) for name in options.tags]
    call = parse_call("check" if options.check else options.call)
    outputs = read_outputs(options)
    attests = _attests(options)
    limits = read_limits(context.params)
    if call.method == "build":
        check_outputs(outputs, names, len(read_platforms(options.platforms)), attested=attests is not None)
        check_mirrors(outputs, entitlements(options))
        if options.iidfile or options.metadata_file:
            from brewhouse.cli.build_documents import open_documents

            open_documents(options.iidfile, options.metadata_file)
    progress = "quiet" if options.quiet else options.progress or settings.progress
    with (
        open_registries(read_settings(settings.config, os.environ), os.environ) as registries,
        open_session(settings, progress) as session,
        _agents(options, session) as agents,
    ):
        outside = Outside(session.layout, registries, session.progress)
        request = _request(options, agents, session, outside)
        is_scanned = attests is not None and attests.sbom
        request = msgspec.structs.replace(request, epoch=common_epoch(outputs), scans=is_scanned, limits=limits)
        request = _with_worktree(request, options, attests)
        if call.method != "build":
            from brewhouse.cli.build_answer import answer

            context.exit(answer(call, request))
        made = build_platforms(request, read_platforms(options.platforms), outside)
        if attests:
            from brewhouse.pipeline.attest import attested

            made = attested(made, request, options.path, attests, outside)
        delivered = deliver(made, outputs, names, outside)
        export_caches(options.cache_to, made, outside)
        if options.iidfile or options.metadata_file:
            _write_documents(options, request, made, delivered, attests)
    if progress not in ("quiet", "none"):
        _warn(made, request, options, as_json=progress == "rawjson")
    if delivered and progress != "none" and not any(map(writes_stdout, outputs)):
        click.echo(delivered[-1].identity if progress == "quiet" else "\n".join([delivered[-1].identity, *names]))


def _request(options: Options, agents: Mapping[str, str], session: Session, outside: Outside) -> BuildRequest:
    """Return what is to be built, with its context fetched."""
    access, gate = read_access(options, agents, os.environ), Gate(_policy())
    scratch = new_folder(session.layout.tmp, "context")
    fetch = context_fetcher(access, outside, gate, keep_git_dir=keeps_git(options))
    source = read_context(options.path, options.file, sys.stdin.buffer, scratch, fetch)
    request = make_request(options, source, access, outside, (fetch, gate))
    request = msgspec.structs.replace(request, agents=agents)
    if options.wine == "auto":
        request = msgspec.structs.replace(request, open_wine=_wine_opener(session, request))
    return request


def _write_documents(
    options: Options,
    request: BuildRequest,
    made: "Sequence[Made]",
    delivered: "Sequence[Delivered]",
    attests: "Attests | None",
) -> None:
    """Write what `--iidfile` and `--metadata-file` are to hold."""
    from brewhouse.cli.build_documents import encoded, metadata, told_warnings
    from brewhouse.cli.files import write_whole

    if options.iidfile:
        identity = delivered[-1].identity if delivered else made[-1].image.manifest.value.config.digest
        write_whole(options.iidfile, [identity.encode()], "name another file")
    if options.metadata_file:
        found = metadata(delivered, made, _told(made, request, options.path, attests))
        found |= told_warnings(_warnings_of(made), request, os.environ)
        write_whole(options.metadata_file, [encoded(found)], "name another file")


def _warn(made: "Sequence[Made]", request: BuildRequest, options: Options, *, as_json: bool) -> None:
    warnings = _warnings_of(made)
    if not warnings:
        return
    from brewhouse.cli.build_warnings import print_warnings, write_warnings

    if as_json:
        write_warnings(warnings, request)
    else:
        print_warnings(warnings, request, expand=options.debug)


def _warnings_of(made: "Sequence[Made]") -> "list[DockerfileWarning]":
    """Return the warnings about all images of a build, each once."""
    return list(dict.fromkeys(warning for build in made for warning in build.warnings))


def _with_worktree(request: BuildRequest, options: Options, attests: "Attests | None") -> BuildRequest:
    """Return the request with what is to be told of the git work tree that the context lies in."""
    if not (attests or options.metadata_file or "BUILDX_GIT_LABELS" in os.environ):
        return request
    from brewhouse.cli.build_documents import provenance_mode
    from brewhouse.cli.build_git import with_worktree

    is_in_metadata = options.metadata_file is not None and provenance_mode(os.environ) is not None
    is_told = is_in_metadata or (attests is not None and attests.provenance is not None)
    return with_worktree(request, options.path, options.file, os.environ, is_told=is_told)


def _told(
    made: "Sequence[Made]", request: BuildRequest, context: str, attests: "Attests | None"
) -> "Sequence[Attestation]":
    """Return the provenance of each image for the metadata file, or nothing where that is to hold none."""
    from brewhouse.cli.build_documents import provenance_mode

    mode = provenance_mode(os.environ)
    if mode is None:
        return ()
    from brewhouse.pipeline.attest import provenances
    from brewhouse.report.provenance import Wish

    wish = (attests and attests.provenance) or Wish()
    return provenances(made, request, context, msgspec.structs.replace(wish, mode="max", has_text=mode == "max"))


def _agents(options: Options, session: Session) -> AbstractContextManager[dict[str, str]]:
    """Return what gives the sockets of ssh agents by id, during a block."""
    wanted = parse_agents(options.agents)
    if not wanted:
        return nullcontext({})
    from brewhouse.system.container.agent import open_agents

    return open_agents(wanted, os.environ, session.layout.tmp)


def _policy() -> "Policy | None":
    """Return the policy about sources in the file that buildx' variable names, if any."""
    name = os.environ.get("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY")
    if not name:
        return None
    from brewhouse.build.inputs.policy import parse_policy

    try:
        return parse_policy(Path(name).read_bytes(), name)
    except OSError as error:
        mend = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY names it"
        raise InputError(f"the source policy {name} cannot be read: {error.strerror}", hint=mend) from error


def _attests(options: Options) -> "Attests | None":
    """Return what is to be said about the image, if anything."""
    if not (options.attests or options.provenance or options.sbom):
        return None
    from brewhouse.report.attests import parse_attests

    found = parse_attests(options.attests, options.provenance, options.sbom)
    return found if found.provenance or found.sbom else None


def _wine_opener(session: Session, request: BuildRequest) -> "Callable[[], Wine]":
    """Return what makes Wine ready if a step needs it."""

    def open_wine() -> "Wine":
        from brewhouse.build.windows.wine import find_wine

        return find_wine(session.layout, session.progress, request.trust)

    return open_wine
