"""What `images`, `inspect` and `history` say of an image, in the words of Docker's API."""

from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase

import msgspec

from brewhouse.cli.listing import age
from brewhouse.errors import InputError
from brewhouse.model import Image
from brewhouse.oci.digest import short_id
from brewhouse.oci.document import ContainerConfig, History
from brewhouse.oci.reference import parse_reference
from brewhouse.system.progress.log import human_size
from brewhouse.system.store.catalog import Stored

_NONE = "<none>"
_SHOWN_CHARACTERS = 45
_FILTERS = ("reference", "dangling", "label")


def image_rows(stored: Stored, now: datetime, *, full: bool) -> list[dict[str, object]]:
    """Return a row of `images` for each name of an image, or one with <none>."""
    created = stored.image.config.value.created if stored.image else ""
    common: dict[str, object] = {
        "ID": stored.image_id if full else short_id(stored.image_id),
        "Digest": stored.entry.digest,
        "CreatedAt": created,
        "CreatedSince": age(created, now),
        "Size": human_size(stored.size_bytes) if stored.image else "<damaged>",
        "SizeBytes": stored.size_bytes,
    }
    references = [parse_reference(name) for name in stored.names]
    named = [(reference.repository, reference.tag) for reference in references] or [(_NONE, _NONE)]
    return [{"Repository": repository, "Tag": tag, **common} for repository, tag in named]


def matches(row: dict[str, object], stored: Stored, filters: Sequence[str]) -> bool:
    """Tell whether a row passes all filters: "reference=python:3.*", "dangling=true", "label=a", "label=a=b".

    Raises InputError for others. Source: docker-images(1), "Filters".
    """
    return all(_matches(row, stored, *text.partition("=")[::2]) for text in filters)


def _matches(row: dict[str, object], stored: Stored, key: str, value: str) -> bool:
    match key:
        case "reference":
            repository = str(row["Repository"])
            return any(fnmatchcase(name, value) for name in (repository, f"{repository}:{row['Tag']}"))
        case "dangling" if value in ("true", "false", "1", "0"):
            return (not stored.names) == (value in ("true", "1"))
        case "label" if value:
            labels = stored.image.config.value.config.labels if stored.image else {}
            name, equals, wanted = value.partition("=")
            return name in labels and (not equals or labels[name] == wanted)
        case _:
            raise InputError(f"`{key}={value}` is not a filter", hint=f"known: {', '.join(_FILTERS)}")


def inspect_document(stored: Stored, image: Image) -> dict[str, object]:
    """Return what `docker image inspect` says of an image. Source: api/types ImageInspect of moby/moby."""
    config = image.config.value
    repositories = dict.fromkeys(parse_reference(name).repository for name in stored.names)
    return {
        "Id": image.manifest.value.config.digest,
        "RepoTags": list(stored.names),
        "RepoDigests": [f"{repository}@{stored.entry.digest}" for repository in repositories],
        "Parent": "",
        "Comment": config.history[-1].comment if config.history else "",
        "Created": config.created,
        "DockerVersion": "",
        "Author": config.author,
        "Config": _config(config.config),
        "Architecture": config.architecture,
        **({"Variant": config.variant} if config.variant else {}),
        "Os": config.os,
        **({"OsVersion": config.os_version} if config.os_version else {}),
        "Size": stored.size_bytes,
        "RootFS": {"Type": config.rootfs.type, "Layers": list(config.rootfs.diff_ids)},
        "Descriptor": _plain(image.descriptor),
    }


def _config(config: ContainerConfig) -> dict[str, object]:
    """Return the container config with those fields that Docker always shows."""
    shown: dict[str, object] = {
        "User": "",
        "Env": None,
        "Cmd": None,
        "Volumes": None,
        "WorkingDir": "",
        "Entrypoint": None,
        "OnBuild": None,
        "Labels": None,
    }
    return {**shown, **_plain(config)}


def history_rows(image: Image, now: datetime, *, full: bool, human: bool) -> list[dict[str, object]]:
    """Return the rows of `history`, the newest step first; only that one has an id."""
    config = image.config.value
    sizes = iter(layer.size for layer in image.manifest.value.layers)
    steps = config.history or tuple(History() for _ in image.manifest.value.layers)
    identity = image.manifest.value.config.digest
    rows: list[dict[str, object]] = []
    for step in steps:
        size_bytes = 0 if step.empty_layer else next(sizes, 0)
        text = step.created_by.replace("\t", " ")
        row = {
            "ID": "<missing>",
            "CreatedAt": step.created,
            "CreatedSince": age(step.created, now) if human else step.created,
            "CreatedBy": text if full or len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…",
            "Size": human_size(size_bytes) if human else str(size_bytes),
            "SizeBytes": size_bytes,
            "Comment": step.comment,
        }
        rows.insert(0, row)
    if rows:
        rows[0]["ID"] = identity if full else short_id(identity)
    return rows


def _plain(value: msgspec.Struct) -> dict[str, object]:
    """Return what JSON says of `value`."""
    return msgspec.json.decode(msgspec.json.encode(value), type=dict[str, object])
