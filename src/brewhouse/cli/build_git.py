"""What a build tells of the git work tree that its context lies in: in its provenance, and in labels on demand.

Source: build/git.go of docker/buildx, with its variables.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from brewhouse.build.request import BuildRequest
from brewhouse.dockerfile.golang import parse_bool
from brewhouse.errors import DockerfileError
from brewhouse.system.network.address import without_password

_INFO, _LABELS, _DIRTY = "BUILDX_GIT_INFO", "BUILDX_GIT_LABELS", "BUILDX_GIT_CHECK_DIRTY"
_REVISION, _SOURCE = "org.opencontainers.image.revision", "org.opencontainers.image.source"
_ENTRYPOINT = "com.docker.image.source.entrypoint"


def with_worktree(
    request: BuildRequest, context: str, file: str, environment: Mapping[str, str], *, is_told: bool
) -> BuildRequest:
    """Return a request that tells of the work tree, if its context is a folder in one; `is_told` wants provenance."""
    wants_labels = environment.get(_LABELS) == "full" or _truth(environment, _LABELS, default=False)
    wants_info = is_told and _truth(environment, _INFO, default=True)
    folder = Path(context)
    if not (wants_labels or wants_info) or not folder.is_dir():
        return request
    from brewhouse.system.network.worktree import read_worktree

    tree = read_worktree(folder, environment, tells_changes=_truth(environment, _DIRTY, default=False))
    if tree is None:
        return request
    dockerfile = Path(file) if file and file != "-" else folder / "Dockerfile"
    source = without_password(tree.source)
    labels = {_REVISION: tree.revision, _SOURCE: source, _ENTRYPOINT: _below(tree.root, dockerfile)}
    told = {"revision": tree.revision, "source": source}
    places = {"localdir:context": folder, "localdir:dockerfile": dockerfile.parent}
    told |= {key: _below(tree.root, place) for key, place in places.items()}
    return msgspec.structs.replace(
        request,
        labels={**(_filled(labels) if wants_labels else {}), **request.labels},
        worktree=_filled(told) if wants_info else {},
    )


def _below(root: Path, path: Path) -> str:
    """Return a path as it is below `root`, "." for the root itself; "" where it is elsewhere."""
    found, top = path.resolve(), root.resolve()
    return str(found.relative_to(top)) if found.is_relative_to(top) else ""


def _filled(texts: Mapping[str, str]) -> dict[str, str]:
    return {key: text for key, text in texts.items() if text}


def _truth(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    try:
        return parse_bool(environment[name])
    except (KeyError, DockerfileError):
        return default
