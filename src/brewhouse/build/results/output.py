"""What `--output` and `--annotation` ask for: pure.

Source: ParseOutputs of util/buildflags in docker/buildx; the exporters' README and exporter/containerimage/opts.go of
moby/buildkit.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, TypeVar, get_args

import msgspec

from brewhouse.dockerfile.golang import parse_bool, parse_csv
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.errors import DockerfileError, InputError
from brewhouse.system.store.layerblob import Compression

OutputType: TypeAlias = Literal["image", "oci", "docker", "tar", "local", "cacheonly"]
Level: TypeAlias = Literal["manifest", "index", "manifest-descriptor", "index-descriptor"]

_Choice = TypeVar("_Choice")

STDOUT = "-"
_TYPES: dict[str, OutputType] = {name: name for name in get_args(OutputType)}
_LEVELS: dict[str, Level] = {name: name for name in get_args(Level)}
_COMPRESSIONS: dict[str, Compression] = {"gzip": "gzip", "zstd": "zstd", "uncompressed": "none"}
_HIGHEST_LEVELS: dict[Compression, int] = {"gzip": 9, "zstd": 22}
_TRUTHS = (
    *("push", "push-by-digest", "name-canonical", "registry.insecure", "store"),
    *("tar", "force-compression", "oci-mediatypes", "oci-artifact", "rewrite-timestamp", "platform-split"),
    *("attestation-inline", "prefer-nondist-layers"),
    "unpack",  # what containerd does at once, and the store when an image is first used
)
_TEXTS = (
    *("type", "dest", "name", "compression", "compression-level", "attestation-prefix"),
    *("source-date-epoch", "dangling-name-prefix", "mode"),
)
_MODES = {"copy": False, "delete": True}
_IMAGES = ("image", "oci", "docker")
_ANNOTATION = r"annotation(?:-(manifest|index|manifest-descriptor|index-descriptor))?(?:\[(.+)\])?\.(.+)"
_OPTION = r"([a-z-]+)(?:\[(.+)\])?"


class Annotation(msgspec.Struct, frozen=True):
    """An annotation and the documents that get it: those of one platform ("linux/amd64"), or of all."""

    level: Level
    key: str
    value: str
    platform: str = ""


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One result of a build; `destination` is a path, "-" for standard output, or "" where none is named.

    `compression` is None where new layers are as the store makes them; with `force` it holds for the base's layers too.
    `level` is the compressor's, None for our own. `store` keeps the image under its names; what is pushed by digest has
    no tag there, and `canonical` tells of it as NAME@DIGEST; `insecure` is for the registries that are pushed to.
    `inline_cache` lets an image tell later builds which steps made its layers; `as_index` makes an index of one image.
    With `rewrite` new layers tell of the SOURCE_DATE_EPOCH that their files have, which `epoch` is in place of the
    build's own. Attestations are artifacts unless `as_artifact` is false; their files' names begin with
    `attestation_prefix`; those that are for images alone make an index of one image with `inline_attestations`.
    What has no name is told of as `dangling_prefix`@DIGEST. A folder that `is_mirror` keeps nothing that was there.
    """

    type: OutputType
    destination: str = ""
    names: tuple[str, ...] = ()
    compression: Compression | None = None
    level: int | None = None
    force: bool = False
    docker_types: bool = False
    as_tar: bool = True
    push: bool = False
    by_digest: bool = False
    canonical: bool = False
    insecure: bool = False
    store: bool = True
    split: bool | None = None
    rewrite: bool = False
    annotations: tuple[Annotation, ...] = ()
    inline_cache: bool = False
    as_index: bool = False
    as_artifact: bool | None = None
    attestation_prefix: str = ""
    inline_attestations: bool | None = None
    epoch: int | None = None
    dangling_prefix: str = ""
    is_mirror: bool = False

    @property
    def is_image(self) -> bool:
        """Tell whether documents and layers are wanted, not files."""
        return self.type in _IMAGES


def parse_output(text: str) -> Output:
    """Return what one `--output` means: "type=oci,dest=x.tar,compression=zstd"; "DIR" is local, "-" a tar to stdout.

    Raises InputError for an unknown type or key, and for a local output without a place.
    """
    try:
        fields = parse_csv(text)
    except DockerfileError as error:
        raise _malformed(text, error.problem) from error
    if len(fields) == 1 and "=" not in fields[0]:
        return Output(type="tar" if text == STDOUT else "local", destination=text)
    pairs: dict[str, str] = {}
    for field in fields:
        key, equals, value = field.partition("=")
        if not equals:
            raise _malformed(text, f"`{field}` is no key=value")
        pairs[key.strip() if key.startswith("annotation") else key.strip().lower()] = value
    return _read(text, pairs)


def _read(text: str, pairs: Mapping[str, str]) -> Output:
    annotations = tuple(_annotation(key, value, text) for key, value in pairs.items() if key.startswith("annotation"))
    unknown = [key for key in pairs if key not in (*_TEXTS, *_TRUTHS) and not key.startswith("annotation")]
    if unknown:
        raise _malformed(text, f"unknown key `{unknown[0]}`{did_you_mean(unknown[0], (*_TEXTS, *_TRUTHS))}")
    truths = {key: _truth(text, key, pairs[key]) for key in _TRUTHS if key in pairs}
    if not truths.get("rewrite-timestamp", True):
        raise _malformed(text, "with SOURCE_DATE_EPOCH new files always get its time", "leave rewrite-timestamp out")
    if not truths.get("prefer-nondist-layers", True):
        raise _malformed(text, "layers of Windows keep their type", "leave prefer-nondist-layers out")
    kind = pairs.get("type", "")
    is_push = truths.get("push", False) or kind == "registry"
    compression = _compression(text, pairs)
    output = Output(
        type="image" if kind == "registry" else _choose(text, "type", kind, _TYPES),
        destination=pairs.get("dest", ""),
        names=tuple(filter(None, pairs.get("name", "").split(","))),
        compression=compression,
        level=_level(text, compression, pairs["compression-level"]) if pairs.get("compression-level") else None,
        by_digest=truths.get("push-by-digest", False),
        canonical=truths.get("name-canonical", False),
        insecure=truths.get("registry.insecure", False),
        store=truths.get("store", True),
        force=truths.get("force-compression", False),
        docker_types=not truths.get("oci-mediatypes", kind != "docker" or not pairs.get("dest")),
        as_tar=truths.get("tar", True),
        push=is_push,
        split=truths.get("platform-split"),
        rewrite=truths.get("rewrite-timestamp", False),
        as_artifact=truths.get("oci-artifact"),
        attestation_prefix=pairs.get("attestation-prefix", ""),
        inline_attestations=truths.get("attestation-inline"),
        epoch=_epoch(text, pairs.get("source-date-epoch", "")),
        dangling_prefix=pairs.get("dangling-name-prefix", ""),
        is_mirror=_choose(text, "mode", pairs.get("mode", "copy"), _MODES),
        annotations=annotations,
    )
    _check(text, output)
    return output


def _compression(text: str, pairs: Mapping[str, str]) -> Compression | None:
    """Return the compression that is named; with a level alone gzip, which is everybody's default."""
    if "compression" in pairs:
        return _choose(text, "compression", pairs["compression"], _COMPRESSIONS)
    return "gzip" if pairs.get("compression-level") else None


def _level(text: str, compression: Compression | None, value: str) -> int:
    highest = _HIGHEST_LEVELS.get(compression or "none")
    if highest is None:
        raise _malformed(text, "what is not compressed has no level", "leave compression-level out")
    if not value.isdecimal() or int(value) > highest:
        raise _malformed(text, f"`{value}` is not a level of {compression}", f"write compression-level=0 to {highest}")
    return int(value)


def _epoch(text: str, value: str) -> int | None:
    if value and not value.removeprefix("-").isdecimal():
        mend = "write the seconds since 1970, in UTC"
        raise _malformed(text, f"invalid source-date-epoch: {value}", mend)
    return int(value) if value else None


def _check(text: str, output: Output) -> None:
    if output.type == "local" and output.destination in ("", STDOUT):
        raise _malformed(text, "a local output needs a folder", "write --output type=local,dest=DIR")
    if output.type == "image" and output.destination:
        raise _malformed(text, "an image goes into the store, not into a file", "write --output type=oci,dest=FILE")
    if output.by_digest and not output.push:
        raise _malformed(text, "push-by-digest is for what is pushed", "add push=true")
    if output.is_mirror and output.type != "local":
        raise _malformed(text, "mode=delete is for a folder of files", "write --output type=local,dest=DIR,mode=delete")
    if not output.as_tar and (output.type not in ("oci", "docker") or output.destination in ("", STDOUT)):
        raise _malformed(text, "tar=false is for a folder", "write --output type=oci,dest=DIR,tar=false")
    if output.annotations and not output.is_image:
        raise _malformed(text, f"{output.type} has no documents to annotate")


def parse_annotation(text: str) -> tuple[Annotation, ...]:
    """Return what one `--annotation` means: "KEY=VALUE", or "index,manifest[linux/arm64]:KEY=VALUE".

    Source: ParseAnnotations of docker/buildx, by which a key cannot hold a colon.
    """
    before, equals, value = text.partition("=")
    levels, colon, key = before.partition(":")
    if not colon:
        levels, key = "manifest", before
    if not equals or not key:
        raise InputError(f"`--annotation {text}` is malformed", hint="write --annotation [LEVEL:]KEY=VALUE")
    found = []
    for level in levels.split(","):
        option = re.fullmatch(_OPTION, level)
        if option is None or option[1] not in _LEVELS:
            problem = f"annotation level `{level}` is not known{did_you_mean(level.partition('[')[0], _LEVELS)}"
            raise InputError(f"`--annotation {text}`: {problem}", hint=f"write one of {', '.join(_LEVELS)}")
        found.append(Annotation(_LEVELS[option[1]], key, value, option[2] or ""))
    return tuple(found)


def _annotation(key: str, value: str, text: str) -> Annotation:
    found = re.fullmatch(_ANNOTATION, key)
    if not found:
        raise _malformed(text, f"`{key}` is no annotation", "write annotation.KEY=VALUE, or annotation-index.KEY=VALUE")
    return Annotation(_LEVELS[found[1] or "manifest"], found[3], value, found[2] or "")


def only_one_stdout(outputs: Sequence[Output]) -> None:
    """Raise InputError where several outputs would be mixed on standard output."""
    if sum(writes_stdout(output) for output in outputs) > 1:
        raise InputError("only one output can go to standard output", hint="name files: dest=FILE")


def common_epoch(outputs: Sequence[Output]) -> int | None:
    """Return the `source-date-epoch` of the outputs, if they have one; raises InputError for several."""
    epochs = {output.epoch for output in outputs}
    if len(epochs) > 1:
        mend = "give all outputs the same source-date-epoch"
        raise InputError("the outputs of one build have the same times", hint=mend)
    return epochs.pop() if epochs else None


def writes_stdout(output: Output) -> bool:
    """Tell whether an output goes to standard output: "-", or a tar without a place, as in buildx."""
    nowhere = not output.destination and output.type in ("tar", "oci")
    return output.destination == STDOUT or nowhere


def _truth(text: str, key: str, value: str) -> bool:
    try:
        return parse_bool(value)
    except DockerfileError as error:
        raise _malformed(text, f"`{key}={value}` is neither true nor false") from error


def _choose(text: str, what: str, value: str, known: Mapping[str, _Choice]) -> _Choice:
    if value not in known:
        mend = f"write one of {', '.join(known)}"
        raise _malformed(text, f"{what} `{value}` is not supported{did_you_mean(value, known)}", mend)
    return known[value]


def _malformed(text: str, problem: str, mend: str = "write --output type=TYPE[,KEY=VALUE...]") -> InputError:
    return InputError(f"`--output {text}`: {problem}", hint=mend)
