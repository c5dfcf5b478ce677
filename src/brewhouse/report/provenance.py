"""Provenance: how an image came to be, as a predicate of SLSA.

The same build says the same: neither clock nor random number is in it, and no path, name or secret of this machine.
Source: https://slsa.dev/spec/v1.1/provenance, v0.2/provenance; docs/attestations/slsa-definitions.md of moby/buildkit,
whose fields these are.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

import brewhouse
from brewhouse.dockerfile.instruction import Mount
from brewhouse.model import SLSA, Attestation, Material
from brewhouse.oci.platform import Platform
from brewhouse.oci.purl import image_url, package_url
from brewhouse.oci.reference import parse_reference

Mode: TypeAlias = Literal["min", "max"]
Version: TypeAlias = Literal["v1", "v0.2"]

_FILE = "provenance.json"
_PREDICATES: dict[Version, str] = {
    "v1": f"{SLSA}v1",
    "v0.2": f"{SLSA}v0.2",
}
_DEFINITIONS = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"
_BUILD_TYPES: dict[Version, str] = {"v1": _DEFINITIONS, "v0.2": "https://mobyproject.org/buildkit@v1"}
_FRONTEND = "dockerfile.v0"

_Json: TypeAlias = dict[str, Any]  # documents of others' making, written once and never read


class Wish(msgspec.Struct, frozen=True):
    """What provenance is to say: `mode` min leaves out arguments, secrets' names and the Dockerfile.

    Without `has_text` only the Dockerfile is left out.
    """

    mode: Mode = "max"
    version: Version = "v1"
    builder_id: str = ""
    is_reproducible: bool = False
    inline_only: bool = False
    has_text: bool = True


class BuildRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A build that was done.

    `name` and `dockerfile` are its file; `context` is an address, or "" for a folder of this machine; `arguments` are
    those of the request by BuildKit's names ("build-arg:A", "label:a", "target"); `locals` are the names of contexts
    that are folders; `mounts` and `has_network` are what the commands of all stages could use; `worktree` is what git
    says of the context's folder, by BuildKit's names ("revision", "source").
    """

    name: str
    dockerfile: bytes
    context: str
    arguments: Mapping[str, str]
    locals: Sequence[str]
    mounts: Sequence[Mount]
    has_network: bool
    materials: Sequence[Material]
    builder_platform: Platform
    worktree: Mapping[str, str] = {}


def provenance(record: BuildRecord, wish: Wish) -> Attestation:
    """Return what is said about the image of a build."""
    predicate = _slsa_v1(record, wish) if wish.version == "v1" else _slsa_v02(record, wish)
    return Attestation(
        _PREDICATES[wish.version], msgspec.Raw(msgspec.json.encode(predicate)), "" if wish.inline_only else _FILE
    )


def _slsa_v1(record: BuildRecord, wish: Wish) -> _Json:
    metadata = {
        "buildkit_metadata": _metadata(record, wish),
        **({"buildkit_hermetic": True} if _is_hermetic(record) else {}),
        "buildkit_completeness": {
            "request": _tells_all(record, wish),
            "resolvedDependencies": not record.locals,
        },
        **({"buildkit_reproducible": True} if wish.is_reproducible else {}),
    }
    return {
        "buildDefinition": {
            "buildType": _BUILD_TYPES["v1"],
            "externalParameters": {"configSource": _config_source(record, "path"), "request": _request(record, wish)},
            "internalParameters": {"builderPlatform": str(record.builder_platform)},
            "resolvedDependencies": [_dependency(material) for material in record.materials],
        },
        "runDetails": {
            "builder": {"id": wish.builder_id, "version": {"brewhouse": brewhouse.__version__}},
            "metadata": metadata,
        },
    }


def _slsa_v02(record: BuildRecord, wish: Wish) -> _Json:
    prefix = f"{_BUILD_TYPES['v0.2']}#"
    return {
        "builder": {"id": wish.builder_id},
        "buildType": _BUILD_TYPES["v0.2"],
        "materials": [_dependency(material) for material in record.materials],
        "invocation": {
            "configSource": _config_source(record, "entryPoint"),
            "parameters": _request(record, wish),
            "environment": {"platform": str(record.builder_platform)},
        },
        "metadata": {
            "completeness": {
                "parameters": _tells_all(record, wish),
                "environment": True,
                "materials": not record.locals,
            },
            "reproducible": wish.is_reproducible,
            f"{prefix}metadata": _metadata(record, wish),
            **({f"{prefix}hermetic": True} if _is_hermetic(record) else {}),
        },
    }


def _config_source(record: BuildRecord, path: str) -> _Json:
    """Return where the Dockerfile came from; the digest of a context from elsewhere stands among the materials."""
    if not record.context:
        return {path: record.name}
    digests = [_dependency(material)["digest"] for material in record.materials if material.name == record.context]
    return {"uri": record.context, **({"digest": digests[0]} if digests else {}), path: record.name}


def _request(record: BuildRecord, wish: Wish) -> _Json:
    arguments = dict(sorted(record.arguments.items()))
    if wish.mode == "min":
        arguments = {key: value for key, value in arguments.items() if not _is_private(key)}
    request: _Json = {"frontend": _FRONTEND, "args": arguments}
    if wish.mode == "max":
        request |= {
            name: uses
            for name, uses in (("secrets", _uses(record.mounts, "secret")), ("ssh", _uses(record.mounts, "ssh")))
            if uses
        }
    if record.locals:
        request["locals"] = [{"name": name} for name in sorted(record.locals)]
    return request


def _uses(mounts: Sequence[Mount], kind: str) -> list[_Json]:
    """Return the ids of secrets or agents, each once; one that some step needs is not optional."""
    needed: dict[str, bool] = {}
    for mount in mounts:
        if mount.type == kind:
            identity = mount.id or (mount.target.rpartition("/")[2] if kind == "secret" else "default")
            needed[identity] = needed.get(identity, False) or mount.required
    return [{"id": name, **({} if needed[name] else {"optional": True})} for name in sorted(needed)]


def _metadata(record: BuildRecord, wish: Wish) -> _Json:
    worktree: _Json = {"vcs": dict(record.worktree)} if record.worktree else {}
    if wish.mode == "min" or not wish.has_text:
        return worktree
    text = base64.b64encode(record.dockerfile).decode()
    return {"source": {"infos": [{"filename": record.name, "language": "Dockerfile", "data": text}]}, **worktree}


def _dependency(material: Material) -> _Json:
    uri = material.name
    if material.kind == "image" and material.platform:
        uri = image_url(parse_reference(material.name), material.platform)
    elif material.kind == "layout":
        name, _, tag = material.name.partition(":")
        uri = package_url("oci", name, tag, {"platform": str(material.platform)})
    return {"uri": uri, "digest": {material.algorithm: material.digest}}


def _is_private(argument: str) -> bool:
    return argument.startswith(("build-arg:", "label:"))


def _tells_all(record: BuildRecord, wish: Wish) -> bool:
    return wish.mode == "max" or not any(map(_is_private, record.arguments))


def _is_hermetic(record: BuildRecord) -> bool:
    """Tell whether nothing could come in unseen: no folder of this machine, and no command with a network."""
    return not record.locals and not record.has_network
