"""What `--cache-to` and `--cache-from` name: pure.

Source: parseCacheEntry of util/buildflags in docker/buildx; cache/remotecache of moby/buildkit.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import msgspec

from brewhouse.dockerfile.golang import parse_bool, parse_csv
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.errors import DockerfileError, InputError
from brewhouse.oci.digest import Digest, parse_digest

CacheType: TypeAlias = Literal["local", "registry", "inline"]
CacheMode: TypeAlias = Literal["min", "max"]

_TYPES: dict[str, CacheType] = {name: name for name in get_args(CacheType)}
_MODES: dict[str, CacheMode] = {name: name for name in get_args(CacheMode)}
# What BuildKit's caches are told of their form, which ours have in one form only.
_PASSED_OVER = ("compression", "compression-level", "force-compression", "oci-mediatypes", "image-manifest")


class CachePlace(msgspec.Struct, frozen=True):
    """A folder (an OCI layout, and the tag or digest in it), a reference of a registry, or the image itself.

    `mode` min keeps the steps whose layers the image has, max those of all stages. With `optional` an export that fails
    does not fail the build.
    """

    type: CacheType
    location: str = ""
    tag: str = "latest"
    mode: CacheMode = "min"
    optional: bool = False
    digest: Digest | None = None


def parse_cache_to(text: str) -> CachePlace:
    """Return where a cache goes: "type=local,dest=DIR,mode=max", "type=registry,ref=R", "type=inline" or "R"."""
    return _parse("--cache-to", text, "dest")


def parse_cache_from(text: str) -> CachePlace:
    """Return where a cache comes from: "type=local,src=DIR", "type=registry,ref=R" or "R"; an inline one is in R."""
    place = _parse("--cache-from", text, "src")
    if place.type == "inline":
        raise InputError(f"`--cache-from {text}`: name the image", hint="write --cache-from type=registry,ref=IMAGE")
    return place


def _parse(option: str, text: str, folder: str) -> CachePlace:
    try:
        fields = parse_csv(text)
    except DockerfileError as error:
        raise _malformed(option, text, error.problem) from error
    if len(fields) == 1 and "=" not in fields[0]:
        return CachePlace("registry", fields[0])
    pairs = dict(field.partition("=")[::2] for field in fields)
    known: tuple[str, ...] = ("type", "ref", "mode", "tag", "ignore-error", folder)
    known += ("digest",) if folder == "src" else ()
    for key in pairs:
        if key not in (*known, *_PASSED_OVER):
            raise _malformed(option, text, f"unknown key `{key}`{did_you_mean(key, known)}")
    return _read(option, text, folder, pairs)


def _read(option: str, text: str, folder: str, pairs: Mapping[str, str]) -> CachePlace:
    kind = _TYPES.get(pairs.get("type", ""))
    if kind is None:
        known = ", ".join(_TYPES)
        raise _malformed(option, text, f"type `{pairs.get('type', '')}` is not supported", f"write one of {known}")
    mode = _MODES.get(pairs.get("mode", "min"))
    if mode is None:
        raise _malformed(option, text, f"mode `{pairs['mode']}` is neither min nor max")
    location = pairs.get({"local": folder, "registry": "ref", "inline": ""}[kind], "")
    if kind != "inline" and not location:
        wanted = f"{folder}=DIR" if kind == "local" else "ref=REFERENCE"
        raise _malformed(option, text, "does not say where", f"write {option} type={kind},{wanted}")
    if kind == "inline" and mode == "max":
        raise _malformed(option, text, "an image holds only the layers that it has", "use type=registry for mode=max")
    try:
        optional = parse_bool(pairs.get("ignore-error", "false"))
    except DockerfileError as error:
        raise _malformed(option, text, "`ignore-error` is neither true nor false") from error
    digest = parse_digest(pairs["digest"]) if pairs.get("digest") else None
    return CachePlace(kind, location, pairs.get("tag") or "latest", mode, optional, digest)


def _malformed(option: str, text: str, problem: str, mend: str = "") -> InputError:
    return InputError(f"`{option} {text}`: {problem}", hint=mend or f"write {option} type=TYPE[,KEY=VALUE...]")
