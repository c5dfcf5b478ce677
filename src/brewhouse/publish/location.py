"""Where `copy` reads and writes, as users write it; pure.

registry.example/team/app:1     a registry, also with docker:// before it
store:python:3.13               the store
oci:DIR[:NAME]                  an OCI image layout
oci-archive:FILE[:NAME]         one in a tar
docker-archive:FILE[:NAME]      what `docker save` writes
"""

from pathlib import Path
from typing import Literal

import msgspec

from brewhouse.errors import InputError
from brewhouse.oci.reference import Reference, parse_reference

Kind = Literal["registry", "store", "oci", "oci-archive", "docker-archive"]

_PATHS: dict[str, Kind] = {"oci": "oci", "oci-archive": "oci-archive", "docker-archive": "docker-archive"}
_UNKNOWN = ("docker-daemon", "containers-storage", "dir", "ostree", "tarball")


class Location(msgspec.Struct, frozen=True):
    """A place; `reference` is of a registry, `path` and `name` are of files, `name` alone is of the store."""

    kind: Kind
    text: str
    reference: Reference | None = None
    path: Path = Path()
    name: str = ""


def parse_location(text: str) -> Location:
    """Return what `text` names; raises InputError where that is nothing."""
    prefix, colon, rest = text.partition(":")
    if prefix in _PATHS and colon:
        path, _, name = rest.partition(":")
        if not path:
            raise InputError(f"`{text}` names no file", hint=f"write {prefix}:PATH[:NAME]")
        return Location(_PATHS[prefix], text, path=Path(path), name=name)
    if prefix == "store" and rest and not rest.startswith("/"):
        return Location("store", text, name=rest)
    if prefix in _UNKNOWN and colon:
        known = "docker://REF, store:NAME, oci:DIR, oci-archive:FILE, docker-archive:FILE"
        raise InputError(f"`{prefix}:` is not known here", hint=f"write one of {known}")
    return Location("registry", text, reference=parse_reference(text.removeprefix("docker://")))
