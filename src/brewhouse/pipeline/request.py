"""How images are to be brewed."""

from pathlib import Path

import msgspec

from brewhouse.build.request import Trust
from brewhouse.oci.platform import Arch
from brewhouse.render.dockerfile import Profile


class BrewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How images are to be brewed.

    `mirror` (".../debian") is the machine's own where it is empty; `artifacts` are folders and URLs that may hold
    sources; `lock` is a file with Debian packages to be used as they are; `update` asks mirror and upstream again;
    `base_layout` is an OCI layout with the Windows that images stand on, `base_registry` ("localhost:5000/mirror") what
    is asked for it in the place of Microsoft's registry.
    """

    arch: Arch
    profile: Profile
    mirror: str = ""
    artifacts: tuple[str, ...] = ()
    lock: Path | None = None
    update: bool = False
    jobs: int = 1
    trust: Trust = Trust()
    base_layout: Path | None = None
    base_registry: str = ""

    @property
    def chooses_packages(self) -> bool:
        """Tell whether the packages of the base are not simply those of the last time."""
        return bool(self.update or self.lock or self.mirror)
