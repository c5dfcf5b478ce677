"""SOURCE_DATE_EPOCH: a number, or the name of what tells the time.

Source: epoch.go of dockerfile2llb in moby/buildkit.
"""

from collections.abc import Mapping

from brewhouse.build.request import BuildRequest
from brewhouse.dockerfile.expand import expand
from brewhouse.dockerfile.instruction import Add, Arg, Dockerfile, Stage
from brewhouse.errors import DockerfileError, InputError
from brewhouse.oci.digest import parse_digest
from brewhouse.system.http import download
from brewhouse.system.layout import Layout
from brewhouse.system.log import Progress

NAME = "SOURCE_DATE_EPOCH"
_ONE_ADD = "SOURCE_DATE_EPOCH stage must contain exactly one remote ADD"


def find_epoch(
    dockerfile: Dockerfile, request: BuildRequest, known: Mapping[str, str], layout: Layout, progress: Progress
) -> int | None:
    """Return the seconds since 1970 that --build-arg or a global ARG asks for, or None.

    "context" and the names of folders stand for the time of a commit or download, which a folder does not have. The
    name of a stage stands for the Last-Modified of the one URL that it adds. Raises InputError for anything else.
    """
    text = request.build_args.get(NAME, known.get(NAME, ""))
    if text.removeprefix("-").isdecimal():
        return int(text)
    if text in ("", "context") or text in request.contexts:
        return None
    for stage in dockerfile.stages:
        if stage.name == text.lower():
            add = _source(stage, request, {**known, NAME: ""}, dockerfile.directives.escape)
            with progress.step(f"[internal] {NAME} of stage {stage.name}") as step:
                checksum = parse_digest(add.checksum) if add.checksum else None
                fetched = download(add.sources[0], checksum, layout.downloads, step)
            return int(fetched.path.stat().st_mtime)
    raise InputError(f"invalid {NAME}: {text}", hint="write the seconds since 1970, in UTC")


def _source(stage: Stage, request: BuildRequest, known: Mapping[str, str], escape: str) -> Add:
    """Return the one ADD of a stage that is nothing but a source."""
    if expand(stage.from_, known, escape=escape).image != "scratch":
        raise _fault("SOURCE_DATE_EPOCH stage must use FROM scratch", stage)
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
    if not found.sources[0].startswith(("http://", "https://")):
        raise _fault("SOURCE_DATE_EPOCH stage source must be a single HTTP(S) or Git ADD", stage)
    return found


def _fault(problem: str, stage: Stage) -> DockerfileError:
    return DockerfileError(problem, location=stage.from_.location)
