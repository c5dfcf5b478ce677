"""All registries that one command speaks to, each opened once; and where the images of one are read from."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from brewhouse.errors import InputError
from brewhouse.oci.reference import Reference
from brewhouse.system.registry.settings import Settings

if TYPE_CHECKING:
    from brewhouse.system.network.credentials import Credential, Credentials
    from brewhouse.system.registry.client import Registry

_MEGABYTE = 1_000_000


class Place(msgspec.Struct, frozen=True):
    """A repository of a registry: "library/python" on docker.io, or "hub/library/python" on a mirror of it."""

    registry: "Registry"
    repository: str

    def __str__(self) -> str:
        """Write "mirror.example/hub/library/python"."""
        return f"{self.registry.domain}/{self.repository}"


class Registries:
    """Opens registries as they are needed."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        """Take credentials from where Docker keeps them for this environment."""
        self._settings = settings
        self._environment = environment
        self._open: dict[str, Registry] = {}
        self._guard = threading.Lock()

    @cached_property
    def _credentials(self) -> "Credentials":
        from brewhouse.system.network.credentials import Credentials

        return Credentials(self._environment)

    def get(self, domain: str) -> "Registry":
        """Return the registry, opened before or now; raises BrewError where it cannot be reached."""
        with self._guard:
            if domain not in self._open:
                self._open[domain] = self.open_as(domain, self._credentials.find(domain))
            return self._open[domain]

    def open_as(self, domain: str, credential: "Credential | None") -> "Registry":
        """Return the registry opened anew, with these credentials."""
        from brewhouse.system.registry.client import Registry
        from brewhouse.system.registry.transport import Transport

        own = self._settings.of(domain)
        return Registry(Transport(domain, own, credential, self._settings.pauses_seconds), own.chunk_mb * _MEGABYTE)

    def origin(self, reference: Reference) -> Place:
        """Return where an image is written to."""
        return Place(self.get(reference.domain), reference.path)

    def readers(self, reference: Reference) -> Iterator[Place]:
        """Yield where an image may be read from: the mirrors of its registry, then the registry itself.

        Where one cannot be reached, the iterator raises BrewError, and yields the others all the same.
        """
        mirrors = map(parse_mirror, self._settings.of(reference.domain).mirrors)
        addresses = [(domain, f"{prefix}{reference.path}") for domain, prefix in mirrors]
        # Not a generator, which would end with the first error.
        return map(self._place, [*addresses, (reference.domain, reference.path)])

    def _place(self, address: tuple[str, str]) -> Place:
        domain, repository = address
        return Place(self.get(domain), repository)

    @contextmanager
    def insecure(self) -> Iterator["Registries"]:
        """Give the same registries during the block, each taken without a certificate or with any."""
        with open_registries(msgspec.structs.replace(self._settings, insecure=True), self._environment) as registries:
            yield registries

    def close(self) -> None:
        """Close all connections."""
        for registry in self._open.values():
            registry.transport.close()


@contextmanager
def open_registries(settings: Settings, environment: Mapping[str, str]) -> Iterator[Registries]:
    """Give the registries during the block."""
    registries = Registries(settings, environment)
    try:
        yield registries
    finally:
        registries.close()


def parse_mirror(text: str) -> tuple[str, str]:
    """Return registry and prefix of a mirror: "http://10.0.0.2:5000/hub" gives "10.0.0.2:5000" and "hub/"."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if not parts.netloc or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise InputError(f"`{text}` is not a mirror", hint="write HOST[:PORT][/PREFIX]")
    prefix = parts.path.strip("/")
    return parts.netloc, f"{prefix}/" if prefix else ""
