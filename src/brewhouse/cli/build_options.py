"""The command line of `build`, and the request that it makes."""

import ipaddress
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from brewhouse.build.cache.steps import OtherCache
from brewhouse.build.inputs.access import DEFAULT_AGENT, Access
from brewhouse.build.inputs.context import Context, FetchContext, is_remote
from brewhouse.build.inputs.gate import Gate
from brewhouse.build.request import BuildRequest, Trust
from brewhouse.build.results.output import Output, only_one_stdout, parse_annotation, parse_output
from brewhouse.cli.build_limits import read_size
from brewhouse.cli.build_results import MIRROR, cache_places
from brewhouse.dockerfile.golang import parse_bool, parse_csv
from brewhouse.errors import DockerfileError, InputError
from brewhouse.model import Ulimit
from brewhouse.oci.platform import PLATFORMS, Platform, host_arch, parse_platform
from brewhouse.oci.reference import parse_reference
from brewhouse.pipeline.exchange import BaseImages, context_opener
from brewhouse.pipeline.outside import Outside
from brewhouse.system.container.trust import trust

_ENTITLEMENTS = ("network.host", MIRROR)


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
    platforms: tuple[str, ...]
    network: Literal["default", "host", "none"]
    no_cache: bool
    no_cache_filter: tuple[str, ...]
    cache_to: tuple[str, ...]
    cache_from: tuple[str, ...]
    pull: bool
    outputs: tuple[str, ...]
    annotations: tuple[str, ...]
    push: bool
    load: bool
    call: str
    check: bool
    allow: tuple[str, ...]
    add_hosts: tuple[str, ...]
    shm_size: str
    ulimits: tuple[str, ...]
    attests: tuple[str, ...]
    provenance: str
    sbom: str
    progress: str
    iidfile: Path | None
    metadata_file: Path | None
    quiet: bool
    debug: bool
    wine: Literal["auto", "off"]
    cross_pip: bool


def check_options(options: Options) -> None:
    """Raise InputError for options that do not go together."""
    if options.cross_pip and options.wine != "off":
        raise InputError("--cross-pip is for builds without Wine", hint="add --wine off, or let Wine's pip do it")
    if options.quiet and options.progress not in ("", "auto", "quiet"):
        raise InputError(f"--progress {options.progress} and --quiet cannot be used together", hint="leave out one")


def read_outputs(options: Options) -> list[Output]:
    """Return the results that are wanted: an image in the store if nothing else is said."""
    outputs = _with_image(options, list(map(parse_output, options.outputs)))
    only_one_stdout(outputs)
    shared = tuple(annotation for text in options.annotations if text for annotation in parse_annotation(text))
    if shared and not any(output.is_image for output in outputs):
        raise InputError("--annotation is for images, and none is made", hint="add --output type=image or type=oci")
    is_plain = _is_on("BUILDX_NO_DEFAULT_OCI_ARTIFACT")
    inline = any(place.type == "inline" for place in cache_places(options.cache_to))
    return [
        msgspec.structs.replace(
            output,
            annotations=(*shared, *output.annotations),
            inline_cache=inline or is_set(options, "BUILDKIT_INLINE_CACHE"),
            as_index=is_set(options, "BUILDKIT_MULTI_PLATFORM"),
            as_artifact=output.as_artifact if output.as_artifact is not None else not is_plain,
        )
        if output.is_image
        else output
        for output in outputs
    ]


def _with_image(options: Options, outputs: Sequence[Output]) -> list[Output]:
    """Return the outputs, and the image that is wanted beside them by --push or --load, or for want of any other.

    Source: ParseExports and its use by --push and --load in build/opt.go of docker/buildx.
    """
    images = [output for output in outputs if output.type == "image"]
    stored = [output for output in outputs if output.type == "docker" and not output.destination]
    if not outputs and not options.push and not options.load and _is_on("BUILDX_NO_DEFAULT_LOAD"):
        return [Output(type="cacheonly")]
    if not outputs or (options.push and not images) or (options.load and not images and not stored):
        return [*outputs, Output(type="image", push=options.push)]
    replace = msgspec.structs.replace
    return [replace(output, push=True) if options.push and output in images else output for output in outputs]


def _is_on(variable: str) -> bool:
    """Tell whether a variable of buildx is true."""
    try:
        return parse_bool(os.environ.get(variable) or "false")
    except DockerfileError:
        return False


def is_set(options: Options, name: str) -> bool:
    """Tell whether a build argument that BuildKit itself reads is true."""
    value = _build_args(options.build_args, os.environ).get(name)
    try:
        return bool(value) and parse_bool(value or "")
    except DockerfileError as error:
        raise InputError(f"--build-arg {name}={value} is neither true nor false") from error


def read_platforms(texts: Sequence[str]) -> list[Platform]:
    """Return the platforms of `--platform a,b`, one as often as it is named.

    "local" is this machine's, as is what is meant without the option.
    """
    own = PLATFORMS[host_arch()]
    named = [text.strip() for joined in texts for text in joined.split(",") if text.strip()]
    return [own if text == "local" else parse_platform(text) for text in named] or [own]


def read_access(options: Options, agents: Mapping[str, str], environment: Mapping[str, str]) -> Access:
    """Return what logins to repositories and servers may use."""
    return Access(environment, read_secrets(options.secrets, environment), agents.get(DEFAULT_AGENT, ""))


def keeps_git(options: Options) -> bool:
    """Tell whether contexts from git keep what git has beside the files."""
    return is_set(options, "BUILDKIT_CONTEXT_KEEP_GIT_DIR")


def make_request(
    options: Options, source: Context, access: Access, outside: Outside, fetching: tuple[FetchContext, Gate]
) -> BuildRequest:
    """Return what is to be built; raises InputError for an option that is malformed."""
    fetch, gate = fetching
    ulimits = _allowed_ulimits(options.ulimits)
    environment = access.environment
    build_args = _build_args(options.build_args, environment)
    if environment.get("SOURCE_DATE_EPOCH"):
        build_args.setdefault("SOURCE_DATE_EPOCH", environment["SOURCE_DATE_EPOCH"])
    mounts, env = trust(environment)
    bases = BaseImages(outside, gate, pull=options.pull)
    return BuildRequest(
        dockerfile=source.dockerfile,
        name=source.name,
        context=source.folder,
        source=source.source,
        ignore=source.ignore,
        platform=read_platforms(options.platforms)[0],
        is_platform_given=bool(options.platforms),
        find_image=bases.find,
        need_image=bases.need,
        target=options.target,
        build_args=build_args,
        labels=_pairs("--label", options.labels),
        secrets=access.secrets,
        contexts=_contexts(options.contexts),
        open_context=context_opener(fetch, outside, gate),
        fetch=fetch,
        network=options.network,
        no_cache=options.no_cache,
        no_cache_stages=frozenset(name.lower() for text in options.no_cache_filter for name in text.split(",")),
        hosts=tuple(_hosts(options.add_hosts)),
        caches=tuple(_imported(options.cache_from, outside)),
        recalls=any(place.mode == "max" for place in cache_places(options.cache_to)),
        ulimits=ulimits,
        shm_bytes=read_size("--shm-size", options.shm_size) or 64 << 20,
        allowed=entitlements(options),
        cross_pip=options.cross_pip,
        lints=not options.quiet or options.metadata_file is not None,
        trust=Trust(mounts, env),
        environment=environment,
        gate=gate,
    )


def _imported(texts: Sequence[str], outside: Outside) -> Iterator[OtherCache]:
    """Yield the caches that --cache-from names; one without a cache is passed over."""
    if texts:
        from brewhouse.build.cache.place import parse_cache_from
        from brewhouse.pipeline.caches import import_cache

        places = list(map(parse_cache_from, texts))
        yield from filter(None, [import_cache(place, outside) for place in places])


def _allowed_ulimits(texts: Sequence[str]) -> tuple[Ulimit, ...]:
    """Return the limits of steps, which our own allow then."""
    if not texts:
        return ()
    from brewhouse.system.container.ulimit import allow_ulimits, parse_ulimit

    ulimits = tuple(map(parse_ulimit, texts))
    allow_ulimits(ulimits)
    return ulimits


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


def _contexts(texts: Sequence[str]) -> dict[str, str]:
    """Return named contexts; raises InputError for a name that no FROM can have, and for a folder that is not there.

    Source: ParseContextNames of docker/buildx, which looks at all of them before it builds.
    """
    found = _pairs("--build-context", texts)
    for name, text in found.items():
        try:
            parse_reference(name.partition("::")[0])
        except InputError as error:
            raise InputError(f"--build-context: invalid context name `{name}`", hint=error.hint) from error
        is_folder = "://" not in text and not text.startswith("target:") and not is_remote(text)
        if is_folder and not (text and Path(text).is_dir()):
            mend = "name a folder, docker-image://IMAGE, oci-layout://DIR, an address or target:STAGE"
            raise InputError(f"--build-context {name}: the build context `{text}` is not a folder", hint=mend)
    return found


def _hosts(texts: Sequence[str]) -> Iterator[str]:
    """Yield lines of /etc/hosts for "name:address,name=address"; IPv6 may stand in brackets."""
    for text in _split("--add-host", texts):
        name, mark, address = text.partition("=") if "=" in text else text.partition(":")
        address = address.removeprefix("[").removesuffix("]")
        try:
            found = ipaddress.ip_address("127.0.0.1" if address == "host-gateway" else address)
        except ValueError:
            raise InputError(f"`--add-host {text}` has no IP address", hint="write --add-host NAME:ADDRESS") from None
        if not mark or not name or not name.isprintable() or len(name.split()) != 1:
            raise InputError(f"`--add-host {text}` is malformed", hint="write --add-host NAME:ADDRESS")
        yield f"{found}\t{name}"


def entitlements(options: Options) -> frozenset[str]:
    """Return what is allowed: what --allow names, and the host's network where all steps are to have it."""
    names = _split("--allow", options.allow)
    for name in names:
        if name not in _ENTITLEMENTS:
            mend = "steps get no more rights than the sandbox gives"
            raise InputError(
                f"entitlement `{name}` is not supported", hint=f"known: {', '.join(_ENTITLEMENTS)}; {mend}"
            )
    return frozenset({*names, *(["network.host"] if options.network == "host" else [])})


def _split(option: str, texts: Sequence[str]) -> list[str]:
    """Return the parts of an option that takes several at once: "a,b"."""
    try:
        return [part for text in texts for part in parse_csv(text)]
    except DockerfileError as error:
        raise InputError(f"`{option}`: {error.problem}", hint=error.hint) from error


def read_secrets(texts: Sequence[str], environment: Mapping[str, str]) -> dict[str, bytes]:
    """Return the secrets by id, from files or variables, as Docker reads them."""
    return dict(_secret(text, environment) for text in texts)


def _secret(text: str, environment: Mapping[str, str]) -> tuple[str, bytes]:
    """Return id and content of one secret; a variable that is not set gives an empty one, as in BuildKit.

    Source: util/buildflags/secrets.go of docker/buildx; session/secrets/secretsprovider of moby/buildkit.
    """
    mend = "write --secret id=ID,src=FILE or id=ID,env=VARIABLE"
    fields = [field.partition("=") for field in _split(f"--secret {text}", [text])]
    keys = {key.strip().lower(): value for key, equals, value in fields if equals}
    unknown = keys.keys() - {"id", "src", "source", "env", "type"}
    if unknown or len(keys) != len(fields) or not keys.get("id"):
        raise InputError(f"`--secret {text}` is malformed", hint=mend)
    identity, kind, place = keys["id"], keys.get("type", ""), keys.get("src") or keys.get("source") or ""
    if kind not in ("", "file", "env"):
        raise InputError(f"`--secret {text}`: type `{kind}` is not supported", hint="write type=file or type=env")
    variable = keys.get("env") or (place if kind == "env" else "")
    if not variable and not place and (kind == "env" or (not kind and identity in environment)):
        variable = identity
    if variable:
        return identity, environment.get(variable, "").encode("utf-8", "surrogateescape")
    try:
        return identity, Path(place or identity).read_bytes()
    except OSError as error:
        raise InputError(
            f"secret `{identity}` cannot be read: {error.filename}: {error.strerror}", hint=mend
        ) from error


def parse_agents(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return sockets or keys by the ids of agents: "default", "id=/run/agent.sock", "id=key1,key2"."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        identity, equals, paths = text.partition("=")
        given = tuple(path for path in paths.split(",") if path)
        if not identity or (equals and not given):
            raise InputError(f"`--ssh {text}` is malformed", hint="write --ssh default, ID=SOCKET or ID=KEY[,KEY]")
        if identity in found:
            raise InputError(f"--ssh {identity} is given twice", hint="give each agent an id of its own")
        found[identity] = given
    return found
