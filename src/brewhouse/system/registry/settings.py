"""What the user says about registries: `config.toml`, and the options of a command.

[registries."docker.io"]
mirrors = ["mirror.example", "http://10.0.0.2:5000/hub"] # http: with or without TLS

[registries."registry.example:5000"]
insecure = true                      # HTTP, or HTTPS with any certificate
ca = "/etc/ssl/example-ca.pem"       # certificates to trust besides the machine's
chunk_mb = 64                        # upload in pieces of this size

Nothing has to be said of a registry that has a certificate the machine trusts.
"""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from brewhouse.errors import InputError

DOCKER_CERTIFICATES = Path("/etc/docker/certs.d")
# How long to wait before each further try of what failed for the moment.
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0)


class RegistrySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of one registry; `mirrors` are asked before it, in their order, when something is read."""

    mirrors: tuple[str, ...] = ()
    insecure: bool = False
    ca: str = ""
    chunk_mb: int = 0


class Settings(msgspec.Struct, frozen=True):
    """What is said of all registries; `insecure` and `ca` hold for those that say nothing of their own."""

    registries: Mapping[str, RegistrySettings] = {}
    insecure: bool = False
    ca: str = ""
    pauses_seconds: tuple[float, ...] = PAUSES_SECONDS

    def of(self, domain: str) -> RegistrySettings:
        """Return what holds for a registry; the machine's folders of Docker's certificates are looked into too."""
        own = self.registries.get(domain, RegistrySettings())
        mirrors = [mirror for each in self.registries.values() for mirror in each.mirrors]
        is_open = any(mirror.partition("/")[0] == "http:" and urlsplit(mirror).netloc == domain for mirror in mirrors)
        return msgspec.structs.replace(
            own,
            insecure=own.insecure or self.insecure or is_open,
            ca=own.ca or self.ca or _docker_certificate(domain),
        )


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of config.toml."""

    registries: dict[str, RegistrySettings] = {}


def default_config(environment: Mapping[str, str]) -> Path:
    """Return where the user's own file is, or would be: $XDG_CONFIG_HOME/brewhouse/config.toml."""
    home = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME") or "/") / ".config"
    return Path(home) / "brewhouse" / "config.toml"


def read_settings(
    config: Path | None, environment: Mapping[str, str], *, insecure: bool = False, ca: str = ""
) -> Settings:
    """Return the settings of a file and of options; a file that is not named may be missing.

    Raises InputError for a file that cannot be read or says what nobody knows.
    """
    path = config or default_config(environment)
    if not config and not path.exists():
        return Settings({}, insecure=insecure, ca=ca)
    import tomllib

    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        mend = "see docs/how-to/registries.md for what may stand there"
        raise InputError(f"{path} is wrong: {error}", hint=mend) from error
    return Settings(found.registries, insecure=insecure, ca=ca)


def is_loopback(domain: str) -> bool:
    """Tell whether a registry is on this machine: localhost, 127.0.0.0/8 or [::1], with any port."""
    host = domain.rpartition("]")[0].removeprefix("[") if domain.startswith("[") else domain.partition(":")[0]
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _docker_certificate(domain: str) -> str:
    """Return the first certificate that /etc/docker/certs.d has for a registry, or nothing."""
    folder = DOCKER_CERTIFICATES / domain
    return next((str(path) for path in sorted(folder.glob("*.crt"))), "") if folder.is_dir() else ""
