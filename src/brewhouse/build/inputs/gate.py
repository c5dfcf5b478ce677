"""What comes into a build from outside: what may, by a policy, and what did; and what its commands could use."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from brewhouse.dockerfile.giturl import GitSource
from brewhouse.dockerfile.instruction import Mount
from brewhouse.model import Image, Material
from brewhouse.oci.digest import hex_part
from brewhouse.oci.platform import Platform
from brewhouse.oci.reference import Reference
from brewhouse.system.network.address import without_password

if TYPE_CHECKING:
    from brewhouse.build.inputs.policy import Policy

_SHA1_DIGITS = 40
_IMAGES = ("image", "layout")


class Gate:
    """Asks a policy what may come in, and remembers what did.

    Calls come from several threads, also for steps that the cache has.
    """

    def __init__(self, policy: "Policy | None" = None) -> None:
        """Begin with nothing; without a policy all is taken."""
        self._policy = policy
        self._materials: dict[tuple[str, str, str], Material] = {}
        self._mounts: list[Mount] = []
        self.has_network = False
        self._guard = threading.Lock()

    @property
    def materials(self) -> tuple[Material, ...]:
        """Return what was taken, images first, sorted by name."""
        with self._guard:
            ordered = sorted(self._materials, key=lambda key: (key[0] not in _IMAGES, key))
            return tuple(self._materials[key] for key in ordered)

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """Return the mounts of all commands."""
        with self._guard:
            return tuple(self._mounts)

    def admit_image(self, reference: Reference) -> Reference:
        """Return the image to be taken for one; raises InputError where the policy denies it, as the others do."""
        if self._policy is None:
            return reference
        from brewhouse.build.inputs.policy import admitted_image

        return admitted_image(self._policy, reference)

    def admit_file(self, url: str, checksum: str = "") -> tuple[str, str]:
        """Return the address and checksum of the file to be taken for one."""
        if self._policy is None:
            return url, checksum
        from brewhouse.build.inputs.policy import admitted_file

        return admitted_file(self._policy, url, checksum)

    def admit_repository(self, source: GitSource) -> GitSource:
        """Return the repository to be taken for one."""
        if self._policy is None:
            return source
        from brewhouse.build.inputs.policy import admitted_repository

        return admitted_repository(self._policy, source)

    def ran(self, mounts: Sequence[Mount], *, network: bool) -> None:
        """Remember a command: its mounts, and whether it could reach the network."""
        with self._guard:
            self._mounts += mounts
            self.has_network |= network

    def took_image(self, reference: Reference, platform: Platform, image: Image) -> None:
        """Remember an image."""
        self._add(Material("image", str(reference), hex_part(image.descriptor.digest), platform=platform))

    def took_layout(self, path: str, platform: Platform, image: Image) -> None:
        """Remember an image of a layout of this machine: DIR[:TAG][@DIGEST]."""
        name = path.partition("@")[0].rstrip("/").rpartition("/")[2]
        self._add(Material("layout", name, hex_part(image.descriptor.digest), platform=platform))

    def took_repository(self, text: str, commit: str) -> None:
        """Remember the commit that an address stood for."""
        is_sha1 = len(commit) == _SHA1_DIGITS
        self._add(Material("git", public_address(text), commit, "sha1" if is_sha1 else "sha256"))

    def took_file(self, url: str, sha256: str) -> None:
        """Remember a file behind a URL."""
        self._add(Material("http", public_address(url), sha256))

    def _add(self, material: Material) -> None:
        with self._guard:
            self._materials[material.kind, material.name, str(material.platform or "")] = material


def repository_address(source: GitSource) -> str:
    """Return the address of a repository with its ref and folder: "https://host/x.git#v1:docs"."""
    fragment = source.ref + (f":{source.subdir}" if source.subdir else "")
    return source.url + (f"#{fragment}" if fragment else "")


def public_address(text: str) -> str:
    """Return an address as others may read it: without passwords, and of a path of this machine only the name."""
    parts = urlsplit(text)
    if parts.scheme == "file":
        return parts._replace(path=f"/{parts.path.rpartition('/')[2]}").geturl()
    return without_password(text)
