"""What tells the time that a name as SOURCE_DATE_EPOCH stands for.

Source: epoch.go of dockerfile2llb in moby/buildkit.
"""

from collections.abc import Mapping
from pathlib import Path

from brewhouse.build.inputs.access import http_headers
from brewhouse.build.inputs.archive import newest_file
from brewhouse.build.inputs.context import is_remote
from brewhouse.build.inputs.epoch import NAME
from brewhouse.build.inputs.remote import added_repository, fetch_repository, read_checksum
from brewhouse.build.request import BuildRequest
from brewhouse.build.sources import familiar_name
from brewhouse.dockerfile.expand import expand
from brewhouse.dockerfile.instruction import Add, Arg, Dockerfile, Stage
from brewhouse.errors import DockerfileError, InputError, IntegrityError
from brewhouse.oci.digest import hex_part
from brewhouse.system.network.address import without_password
from brewhouse.system.network.http import download
from brewhouse.system.progress.log import Progress, Step
from brewhouse.system.store.layout import Layout

_ONE_ADD = f"{NAME} stage must contain exactly one remote ADD"


def named_epoch(
    text: str,
    dockerfile: Dockerfile,
    request: BuildRequest,
    known: Mapping[str, str],
    layout: Layout,
    progress: Progress,
) -> int | None:
    """Return the seconds since 1970 that what `text` names tells of, or None; `known` are the global arguments.

    "context", the name of a named context, and that of a stage that is nothing but one ADD stand for the time of the
    commit, or the server's Last-Modified, or the newest file in a tar; folders and images have none. Raises InputError
    for anything else.
    """
    if text == "context":
        return _changed(request.source) if request.source else None
    name = familiar_name(text)
    if name in request.contexts:
        place = request.contexts[name]
        return _changed(request.fetch(place)) if is_remote(place) else None
    for stage in dockerfile.stages:
        if stage.name == text.lower():
            add = _source(stage, request, known, dockerfile.directives.escape)
            with progress.step(f"[internal] {NAME} of stage {stage.name}") as step:
                return _changed(_fetch(add, stage, request, layout, step))
    raise InputError(f"invalid {NAME}: {text}", hint="write the seconds since 1970, in UTC")


def _changed(found: Path) -> int | None:
    """Return when something from elsewhere was changed: the folder of a commit, or a file, which may be a tar."""
    seconds = int(found.stat().st_mtime)
    return seconds if seconds or found.is_dir() else newest_file(found)


def _fetch(add: Add, stage: Stage, request: BuildRequest, layout: Layout, step: Step) -> Path:
    """Return the repository or file that an ADD means; a file is asked for anew, since the server tells its time."""
    text = add.sources[0]
    repository = added_repository(text, add)
    if repository:
        return fetch_repository(repository, request, layout, step)
    if not text.startswith(("http://", "https://")):
        raise _fault(f"{NAME} stage source must be a single HTTP(S) or Git ADD", stage)
    url, checksum = request.gate.admit_file(text, add.checksum)
    digest = read_checksum(checksum) if checksum else None
    fetched = download(url, None, layout.downloads, step, headers=http_headers(url, request.access))
    if digest and hex_part(digest) != fetched.sha256:
        mend = "the file was changed after its checksum was taken, or on the way"
        raise IntegrityError(f"{without_password(url)} has sha256:{fetched.sha256}, not {digest}", hint=mend)
    request.gate.took_file(url, fetched.sha256)
    return fetched.path


def _source(stage: Stage, request: BuildRequest, known: Mapping[str, str], escape: str) -> Add:
    """Return the one ADD of a stage that is nothing but a source."""
    if expand(stage.from_, known, escape=escape).image != "scratch":
        raise _fault(f"{NAME} stage must use FROM scratch", stage)
    environment = dict(known)
    found: Add | None = None
    for instruction in stage.instructions:
        if isinstance(instruction, Arg):
            for argument in expand(instruction, environment, escape=escape, given=request.build_args).arguments:
                value = request.build_args.get(argument.name, argument.default)
                environment |= {} if value is None else {argument.name: value}
        elif not isinstance(instruction, Add):
            keyword = type(instruction).__name__.upper()
            problem = f"{NAME} stage does not meet source-only requirements: unsupported {keyword} instruction"
            raise _fault(problem, stage)
        elif found:
            raise _fault(_ONE_ADD, stage)
        else:
            found = expand(instruction, environment, escape=escape)
    if found is None:
        raise _fault(_ONE_ADD, stage)
    if found.files or len(found.sources) != 1:
        raise _fault(f"{_ONE_ADD} source", stage)
    return found


def _fault(problem: str, stage: Stage) -> DockerfileError:
    return DockerfileError(problem, location=stage.from_.location)
