"""Where a family is published: the main namespace, and one for each architecture; pure.

To "registry.example/acme" go registry.example/acme/python and registry.example/acme/arm64v8/python; to "docker.io", as
official images are, docker.io/library/python and docker.io/arm64v8/python.
"""

from collections.abc import Mapping

import msgspec

from brewhouse.errors import InputError
from brewhouse.oci.platform import Arch
from brewhouse.oci.reference import DEFAULT_DOMAIN, Reference, parse_reference

# Source: sources.sh of docker-library/meta-scripts.
ARCH_NAMESPACES: Mapping[Arch, str] = {arch: arch.value for arch in Arch} | {Arch.WINDOWS_AMD64: "winamd64"}

_OFFICIAL = "library"
_ANY_NAME = "x"


class Destination(msgspec.Struct, frozen=True):
    """A registry with the main namespace ("" for none), and the namespaces of architectures.

    A namespace of an architecture stands below the main one, or, with a slash before it, at the registry's top.
    """

    domain: str
    namespace: str
    arch_namespaces: Mapping[Arch, str]

    def main(self, repo: str) -> Reference:
        """Return the repository of indexes."""
        return Reference(self.domain, _join(self.namespace, repo))

    def arch(self, repo: str, arch: Arch) -> Reference | None:
        """Return the repository of an architecture's own images, or nothing where it has no namespace."""
        own = self.arch_namespaces.get(arch, "")
        if not own:
            return None
        if own.startswith("/"):
            return Reference(self.domain, _join(own.strip("/"), repo))
        # Docker Hub knows no namespaces in namespaces.
        above = "" if self.domain == DEFAULT_DOMAIN else self.namespace
        return Reference(self.domain, _join(above, _join(own, repo)))


def parse_destination(text: str, arch_namespaces: Mapping[Arch, str]) -> Destination:
    """Return what `--to` names: REGISTRY or REGISTRY/NAMESPACE; raises InputError for what is no registry."""
    parsed = parse_reference(f"{text.rstrip('/')}/{_ANY_NAME}")
    if parsed.domain == DEFAULT_DOMAIN and not text.startswith(DEFAULT_DOMAIN):
        raise InputError(f"`{text}` names no registry", hint="write REGISTRY[/NAMESPACE], such as docker.io/acme")
    namespace = parsed.path.removesuffix(_ANY_NAME).rstrip("/")
    if parsed.domain == DEFAULT_DOMAIN:
        namespace = namespace or _OFFICIAL
    destination = Destination(parsed.domain, namespace, {**ARCH_NAMESPACES, **arch_namespaces})
    for arch in Arch:
        reference = destination.arch(_ANY_NAME, arch)
        if reference:
            parse_reference(str(reference))
    return destination


def _join(above: str, below: str) -> str:
    return f"{above}/{below}" if above else below
