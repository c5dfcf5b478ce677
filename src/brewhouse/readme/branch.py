"""Which pages are made: those of all architectures together, or those of one."""

from collections.abc import Mapping

import msgspec

from brewhouse.model import Entry, Library
from brewhouse.oci.platform import Arch

# Source: sources.sh of docker-library/meta-scripts; docker-library/docs does not keep the value.
NAMESPACES: Mapping[Arch, str] = {arch: arch.value for arch in Arch} | {Arch.WINDOWS_AMD64: "winamd64"}


class Branch(msgspec.Struct, frozen=True):
    """One set of pages; without `arch` and `namespace` the master pages, which are those of Docker Hub's library."""

    arch: Arch | None = None
    namespace: str = ""

    @property
    def name(self) -> str:
        """Return what docker-library/docs calls the branch: "master", "arm64v8", "windows-amd64"."""
        return self.arch.value if self.of_one_arch and self.arch else "master"

    @property
    def of_one_arch(self) -> bool:
        """Tell whether the pages are of one architecture; both architecture and namespace make them so."""
        return bool(self.arch and self.namespace)

    def image(self, repo: str) -> str:
        """Return the name of an image on these pages: "python", "winamd64/python"."""
        return f"{self.namespace}/{repo}" if self.namespace else repo

    def entries(self, library: Library) -> tuple[Entry, ...]:
        """Return the entries that the pages show, in file order."""
        if not self.of_one_arch:
            return library.entries
        return tuple(entry for entry in library.entries if self.arch in entry.architectures)

    def arch_of(self, entry: Entry) -> Arch:
        """Return the architecture whose Dockerfile is linked: the page's, or amd64, or the first by name."""
        arch = self.arch or Arch.AMD64
        return arch if arch in entry.architectures else entry.architectures[0]


def all_branches(namespaces: Mapping[Arch, str] = NAMESPACES) -> tuple[Branch, ...]:
    """Return master and the branch of every architecture that has a namespace."""
    return (Branch(), *(Branch(arch, namespaces[arch]) for arch in Arch if namespaces.get(arch)))
