"""The command line of `build`, and the request that it makes."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from brewhouse.build.cache.place import parse_cache_from, parse_cache_to
from brewhouse.build.cache.steps import FindLayer
from brewhouse.build.inputs.access import DEFAULT_AGENT, Access
from brewhouse.build.inputs.context import Context, FetchContext
from brewhouse.build.inputs.gate import Gate
from brewhouse.build.request import BuildRequest, Trust
from brewhouse.build.results.output import Annotation, Output, only_one_stdout, parse_annotation, parse_output
from brewhouse.dockerfile.golang import parse_size
from brewhouse.errors import DockerfileError, InputError
from brewhouse.oci.platform import PLATFORMS, Platform, host_arch, parse_platform
from brewhouse.pipeline.exchange import context_opener, image_finder
from brewhouse.pipeline.outside import Outside
from brewhouse.system.container.sandbox import trust
from brewhouse.system.container.ulimit import allow_ulimits, parse_ulimit

_SCOPE = "systemd-run --scope"
_ENTITLEMENTS = ("network.host",)


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
    call: str
    check: bool
    allow: tuple[str, ...]
    add_hosts: tuple[str, ...]
    shm_size: str
    ulimits: tuple[str, ...]
    cgroup_parent: str
    resources: tuple[str, ...]
    attests: tuple[str, ...]
    provenance: str
    sbom: str
    progress: str
    iidfile: Path | None
    metadata_file: Path | None
    quiet: bool
    wine: Literal["auto", "off"]
    cross_pip: bool


def refuse_unsupported(options: Options) -> None:
    """Raise InputError for what Docker has and a build here cannot do, with the reason."""
    refused = {
        "--cgroup-parent": (
            options.cgroup_parent,
            f"start brewhouse in the group: {_SCOPE} --slice=NAME brewhouse build",
        ),
        "a limit of memory or processors": (
            options.resources,
            f"start brewhouse with it: {_SCOPE} -p MemoryMax=2G -p CPUQuota=150%",
        ),
    }
    if options.cross_pip and options.wine != "off":
        raise InputError("--cross-pip is for builds without Wine", hint="add --wine off, or let Wine's pip do it")
    for option, (given, mend) in refused.items():
        if given:
            raise InputError(f"{option} is not supported", hint=mend)


def read_outputs(options: Options) -> list[Output]:
    """Return the results that are wanted: an image in the store if nothing else is said."""
    outputs = [parse_output(text) for text in options.outputs] or [Output(type="image")]
    shared: tuple[Annotation, ...] = tuple(
        annotation for text in options.annotations for annotation in parse_annotation(text)
    )
    if shared and not any(output.is_image for output in outputs):
        raise InputError("--annotation is for images, and none is made", hint="add --output type=image or type=oci")
    replace = msgspec.structs.replace
    outputs = [
        replace(output, annotations=(*shared, *output.annotations)) if output.is_image else output for output in outputs
    ]
    if options.push:
        if not any(output.type == "image" for output in outputs):
            raise InputError("--push is for an image, and none is made", hint="add --output type=image,push=true")
        outputs = [replace(output, push=True) if output.type == "image" else output for output in outputs]
    only_one_stdout(outputs)
    inline = any(place.type == "inline" for place in map(parse_cache_to, options.cache_to))
    inline = inline or is_set(options, "BUILDKIT_INLINE_CACHE")
    as_index = is_set(options, "BUILDKIT_MULTI_PLATFORM")
    return [
        replace(output, inline_cache=inline and output.is_image, as_index=as_index and output.is_image)
        for output in outputs
    ]


def is_set(options: Options, name: str) -> bool:
    """Tell whether a build argument that BuildKit itself reads is true."""
    return any(f"{name}={value}" in options.build_args for value in ("1", "true"))


def read_platforms(texts: Sequence[str]) -> list[Platform]:
    """Return the platforms of `--platform a,b`, one as often as it is named; this machine's without it."""
    named = [text.strip() for joined in texts for text in joined.split(",") if text.strip()]
    return list(map(parse_platform, named)) or [PLATFORMS[host_arch()]]


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
    ulimits = tuple(map(parse_ulimit, options.ulimits))
    allow_ulimits(ulimits)
    environment = access.environment
    build_args = _build_args(options.build_args, environment)
    if environment.get("SOURCE_DATE_EPOCH"):
        build_args.setdefault("SOURCE_DATE_EPOCH", environment["SOURCE_DATE_EPOCH"])
    mounts, env = trust(environment)
    return BuildRequest(
        dockerfile=source.dockerfile,
        name=source.name,
        context=source.folder,
        source=source.source,
        ignore=source.ignore,
        platform=read_platforms(options.platforms)[0],
        is_platform_given=bool(options.platforms),
        find_image=image_finder(outside, gate, pull=options.pull),
        target=options.target,
        build_args=build_args,
        labels=_pairs("--label", options.labels),
        secrets=access.secrets,
        contexts=_pairs("--build-context", options.contexts),
        open_context=context_opener(fetch, outside, gate),
        fetch=fetch,
        network=options.network,
        no_cache=options.no_cache,
        no_cache_stages=frozenset(name.lower() for text in options.no_cache_filter for name in text.split(",")),
        hosts=tuple(_hosts(options.add_hosts)),
        caches=tuple(_imported(options.cache_from, outside)),
        ulimits=ulimits,
        shm_bytes=_size("--shm-size", options.shm_size) if options.shm_size else 64 << 20,
        allowed=_entitlements(options),
        cross_pip=options.cross_pip,
        trust=Trust(mounts, env),
        environment=environment,
        gate=gate,
    )


def _imported(texts: Sequence[str], outside: Outside) -> Iterator[FindLayer]:
    """Yield the caches that --cache-from names; one without a cache is passed over."""
    places = [parse_cache_from(text) for text in texts]
    if places:
        from brewhouse.pipeline.caches import import_cache  # noqa: PLC0415 - 30 ms for what the store lacks

        yield from (import_cache(place, outside) for place in places)


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


def _hosts(texts: Sequence[str]) -> Iterator[str]:
    """Yield lines of /etc/hosts for "name:address" or "name=address"; IPv6 may stand in brackets."""
    for text in texts:
        name, mark, address = text.partition("=") if "=" in text else text.partition(":")
        address = address.removeprefix("[").removesuffix("]")
        try:
            found = ipaddress.ip_address("127.0.0.1" if address == "host-gateway" else address)
        except ValueError:
            raise InputError(f"`--add-host {text}` has no IP address", hint="write --add-host NAME:ADDRESS") from None
        if not mark or not name or not name.isprintable() or len(name.split()) != 1:
            raise InputError(f"`--add-host {text}` is malformed", hint="write --add-host NAME:ADDRESS")
        yield f"{found}\t{name}"


def _size(option: str, text: str) -> int:
    try:
        return parse_size(text)
    except DockerfileError as error:
        raise InputError(f"`{option} {text}` is not a size", hint=f"write {option} 128m") from error


def _entitlements(options: Options) -> frozenset[str]:
    """Return what is allowed: what --allow names, and the host's network where all steps are to have it."""
    for name in options.allow:
        if name not in _ENTITLEMENTS:
            mend = "steps get no more rights than the sandbox gives"
            raise InputError(
                f"entitlement `{name}` is not supported", hint=f"known: {', '.join(_ENTITLEMENTS)}; {mend}"
            )
    return frozenset({*options.allow, *(["network.host"] if options.network == "host" else [])})


def read_secrets(texts: Sequence[str], environment: Mapping[str, str]) -> dict[str, bytes]:
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
