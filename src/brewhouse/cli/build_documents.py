"""The documents about a build that `build` writes: `--iidfile` and `--metadata-file`.

Source: commands/build.go and build/provenance.go of docker/buildx; its docs of the options.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from brewhouse.build.image import Made
from brewhouse.build.reading import full_name
from brewhouse.build.request import BuildRequest
from brewhouse.cli.build_results import Delivered
from brewhouse.cli.build_warnings import vertex_warnings
from brewhouse.dockerfile.golang import parse_bool
from brewhouse.dockerfile.instruction import DockerfileWarning
from brewhouse.errors import DockerfileError, InputError
from brewhouse.model import Attestation
from brewhouse.oci.document import INDEX_TYPES

_PROVENANCE, _WARNINGS = "BUILDX_METADATA_PROVENANCE", "BUILDX_METADATA_WARNINGS"


def open_documents(iidfile: Path | None, metadata_file: Path | None) -> None:
    """See that documents can be written, before anything is built; an id of a former build is removed.

    Raises InputError for a folder that is not there.
    """
    for option, path in (("--iidfile", iidfile), ("--metadata-file", metadata_file)):
        if path and not path.parent.is_dir():
            raise InputError(f"{option} {path}: {path.parent} is not a folder", hint="make it, or name another file")
    if iidfile:
        iidfile.unlink(missing_ok=True)


def provenance_mode(environment: Mapping[str, str]) -> Literal["min", "max"] | None:
    """Return how much of a build's provenance the metadata file is to hold, if any."""
    text = environment.get(_PROVENANCE, "").lower()
    return "max" if text == "max" else None if text in ("disabled", "false", "0") else "min"


def metadata(
    delivered: Sequence[Delivered], made: Sequence[Made], provenances: Sequence[Attestation]
) -> dict[str, object]:
    """Return what `--metadata-file` holds, by buildx's names; `provenances` are of the images, or none."""
    found: dict[str, object] = {}
    for build, attestation in zip(made, provenances, strict=False):
        platform = f"/{full_name(build.platform)}" if len(made) > 1 else ""
        found[f"buildx.build.provenance{platform}"] = attestation.predicate
    for last in delivered[-1:]:
        found["containerimage.descriptor"] = last.descriptor
        found["containerimage.digest"] = last.descriptor.digest
        if last.descriptor.media_type not in INDEX_TYPES:
            found["containerimage.config.digest"] = last.identity
        if last.shown_names:
            found["image.name"] = ",".join(last.shown_names)
    return found


def told_warnings(
    warnings: Collection[DockerfileWarning], request: BuildRequest, environment: Mapping[str, str]
) -> dict[str, object]:
    """Return the warnings as the metadata file holds them, if it is to hold them and there are any."""
    text = environment.get(_WARNINGS, "")
    try:
        is_wanted = bool(text) and parse_bool(text)
    except DockerfileError:
        is_wanted = False
    return {"buildx.build.warnings": list(vertex_warnings(warnings, request))} if is_wanted and warnings else {}


def encoded(document: object) -> bytes:
    """Return a document as JSON that people can read, sorted."""
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2) + b"\n"
