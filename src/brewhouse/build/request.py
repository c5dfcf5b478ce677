"""What one build is asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from brewhouse.build.cache.steps import OtherCache
from brewhouse.build.inputs.access import DEFAULT_AGENT, Access
from brewhouse.build.inputs.gate import Gate
from brewhouse.errors import InputError
from brewhouse.model import Image, Limits, Mount, Ulimit
from brewhouse.oci.platform import Platform
from brewhouse.oci.reference import Reference

if TYPE_CHECKING:
    from brewhouse.system.windows.wine import Wine


def _has_layers(_image: Image) -> None:
    """Do nothing: the layers of an image are in the store."""


# Gives an image by reference for a platform, from wherever images come; raises InputError where there is none.
FindImage = Callable[[Reference, Platform], Image]

OpenContext = Callable[[str, Platform], Image | Path]
"""Gives the folder or image that a named context stands for: "docs", "oci-layout://dir:tag", "https://..."."""


def local_context(text: str, _platform: Platform) -> Path:
    """Return the folder `text`; raises InputError where that is none."""
    if not Path(text).is_dir():
        raise InputError(f"the build context `{text}` is not a folder")
    return Path(text)


class Trust(msgspec.Struct, frozen=True):
    """What lets a RUN use the host's network as the host does (a private CA): kept out of config, layers and keys."""

    mounts: tuple[Mount, ...] = ()
    env: tuple[str, ...] = ()


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A Dockerfile with all that the command line says about its build.

    `name` stands in messages; `need_image` puts the layers of an image that was found into the store; `context` is the
    folder that COPY reads, None where there is none, and `source` what it came as from elsewhere; `contexts` are named
    ones as `--build-context` writes them, `open_context` gives what is behind one, and `fetch` the repository or file
    behind the address of one; `agents` are the sockets of
    ssh agents by id, `environment` what git gets of the user's. With SOURCE_DATE_EPOCH among `build_args`, or with an
    `epoch`, which the steps do not see, all later times in new layers become it. `caches` are imported ones; with
    `recalls` the cache is asked for the steps of all stages, which are to be exported, and with `scans` stages are
    built that the Dockerfile wants bills of materials of; `hosts` are lines of /etc/hosts; `limits` are for
    each step, and decide nothing about results; `allowed` are entitlements
    such as "network.host"; `gate` remembers what the build does; with `cross_pip` packages are installed into Windows
    images without Wine. `worktree` is what provenance tells of the git work tree that the context lies in. Without
    `lints` nobody asks for warnings.
    """

    dockerfile: bytes
    name: str
    context: Path | None
    platform: Platform
    find_image: FindImage
    need_image: Callable[[Image], None] = _has_layers
    ignore: bytes = b""
    is_platform_given: bool = False
    target: str = ""
    build_args: Mapping[str, str] = {}
    epoch: int | None = None
    labels: Mapping[str, str] = {}
    secrets: Mapping[str, bytes] = {}
    source: Path | None = None
    contexts: Mapping[str, str] = {}
    network: Literal["default", "host", "none"] = "default"
    no_cache: bool = False
    no_cache_stages: frozenset[str] = frozenset()
    caches: tuple[OtherCache, ...] = ()
    recalls: bool = False
    scans: bool = False
    open_context: OpenContext = local_context
    fetch: Callable[[str], Path] = Path
    hosts: tuple[str, ...] = ()
    shm_bytes: int = 64 << 20
    ulimits: tuple[Ulimit, ...] = ()
    limits: Limits = Limits()
    allowed: frozenset[str] = frozenset()
    trust: Trust = Trust()
    cross_pip: bool = False
    open_wine: "Callable[[], Wine] | None" = None
    agents: Mapping[str, str] = {}
    environment: Mapping[str, str] = {}
    worktree: Mapping[str, str] = {}
    lints: bool = True
    gate: Gate = msgspec.field(default_factory=Gate)

    @property
    def access(self) -> Access:
        """Return what logins to repositories and servers may use."""
        return Access(self.environment, self.secrets, self.agents.get(DEFAULT_AGENT, ""))
