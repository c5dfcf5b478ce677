"""Who the user is to registries: Docker's config.json and its credential helpers, as `docker login` leaves them."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from brewhouse.errors import HostError, InputError
from brewhouse.oci.reference import DEFAULT_DOMAIN
from brewhouse.system.run import run
from brewhouse.system.store.disk import whole_file

# Source: IndexServer of moby/moby registry/config.go: Docker Hub's entry has the name of a registry that is no more.
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_SECONDS = 60
_NOT_FOUND = "credentials not found"
# Source: credential-helpers, docs of `get`: this user name says that the secret is an identity token.
_TOKEN_USER = "<token>"  # noqa: S105 - a name, not a secret


class Credential(msgspec.Struct, frozen=True):
    """A user name and password, or an identity token in place of both."""

    username: str = ""
    password: str = ""
    identity_token: str = ""


class _Secret(msgspec.Struct, frozen=True, rename="pascal"):
    """What a helper answers to `get`, and is told with `store`."""

    server_url: str = msgspec.field(name="ServerURL", default="")
    username: str = ""
    secret: str = ""


class _Entry(msgspec.Struct, frozen=True):
    """What config.json says of one registry."""

    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class _Config(msgspec.Struct, frozen=True, rename="camel"):
    """The part of config.json that is read here."""

    auths: dict[str, _Entry] = {}
    creds_store: str = ""
    cred_helpers: dict[str, str] = {}


class Credentials:
    """The credentials that a user has."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Read them below $DOCKER_CONFIG, else ~/.docker, when they are asked for."""
        folder = environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or "/") / ".docker"
        self.path = Path(folder) / "config.json"
        self._environment = environment

    def find(self, domain: str) -> Credential | None:
        """Return what the user gave for a registry, or nothing.

        Raises InputError for a file that is not Docker's, HostError for a helper that is missing or fails.
        """
        config = self._read()
        helper = config.cred_helpers.get(domain) or config.cred_helpers.get(_key(domain)) or config.creds_store
        if helper:
            found = self._ask(helper, "get", _key(domain).encode())
            if found:
                return _from_helper(found)
        for name, entry in config.auths.items():
            if _same_registry(name, domain):
                return _from_entry(entry, name, self.path)
        return None

    def keep(self, domain: str, credential: Credential) -> str:
        """Keep a credential as `docker login` does, in the user's helper or the file; return where it is now."""
        config = self._read()
        helper = config.cred_helpers.get(domain) or config.creds_store
        username = _TOKEN_USER if credential.identity_token else credential.username
        secret = credential.identity_token or credential.password
        if helper:
            self._ask(helper, "store", msgspec.json.encode(_Secret(_key(domain), username, secret)))
            return f"docker-credential-{helper}"
        entry = {"auth": base64.b64encode(f"{credential.username}:{credential.password}".encode()).decode()}
        if credential.identity_token:
            entry["identitytoken"] = credential.identity_token
        document = self._document()
        auths = {name: value for name, value in _auths(document).items() if not _same_registry(name, domain)}
        self._write({**document, "auths": {**auths, _key(domain): entry}})
        return str(self.path)

    def forget(self, domain: str) -> bool:
        """Remove what is kept for a registry; return whether there was anything."""
        config = self._read()
        was_known = self.find(domain) is not None
        helper = config.cred_helpers.get(domain) or config.creds_store
        if helper:
            self._ask(helper, "erase", _key(domain).encode())
        document = self._document()
        kept = {name: value for name, value in _auths(document).items() if not _same_registry(name, domain)}
        if kept != _auths(document):
            self._write({**document, "auths": kept})
        return was_known

    def _read(self) -> _Config:
        try:
            return msgspec.json.decode(self._bytes(), type=_Config)
        except msgspec.DecodeError as error:
            raise InputError(f"{self.path} is not Docker's config.json: {error}", hint="mend or remove it") from error

    def _document(self) -> dict[str, Any]:  # other keys are other programs', and kept as they are
        return msgspec.json.decode(self._bytes(), type=dict[str, Any])

    def _bytes(self) -> bytes:
        try:
            return self.path.read_bytes().strip() or b"{}"
        except FileNotFoundError:
            return b"{}"
        except OSError as error:
            raise HostError(f"cannot read {self.path}: {error.strerror}") from error

    def _write(self, document: Mapping[str, object]) -> None:
        """Replace the file; nobody else may read it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with whole_file(self.path, 0o600) as file:
                file.write(msgspec.json.format(msgspec.json.encode(document), indent=4))
        except OSError as error:
            raise HostError(f"cannot write {self.path}: {error.strerror}") from error

    def _ask(self, helper: str, verb: str, stdin: bytes) -> bytes:
        """Return what a credential helper answers, nothing where it knows nothing."""
        if not helper.replace("-", "").replace("_", "").isalnum():
            raise InputError(f"`{helper}` in {self.path} is not the name of a credential helper")
        words = [f"docker-credential-{helper}", verb]
        done = run(words, environment=self._environment, stdin=stdin, timeout_seconds=_HELPER_SECONDS)
        if done.status == 0:
            return done.stdout
        said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
        if _NOT_FOUND in said:
            return b""
        raise HostError(f"`{words[0]} {verb}` failed: {said[:200]}", hint=f"see what it is for: {self.path}")


def _key(domain: str) -> str:
    """Return under which name Docker keeps a registry's credentials."""
    return _DOCKER_HUB_KEY if domain == DEFAULT_DOMAIN else domain


def _same_registry(name: str, domain: str) -> bool:
    """Tell whether an entry of `auths`, which may be a URL, is for a registry.

    Source: ConvertToHostname of docker/cli, cli/config/credentials.
    """
    host = name.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return host == domain or (domain == DEFAULT_DOMAIN and host in ("index.docker.io", "registry-1.docker.io"))


def _auths(document: Mapping[str, Any]) -> Mapping[str, Any]:  # as it stands in the file
    found = document.get("auths")
    return found if isinstance(found, dict) else {}


def _from_helper(answer: bytes) -> Credential:
    try:
        secret = msgspec.json.decode(answer, type=_Secret)
    except msgspec.DecodeError as error:
        raise HostError(f"a credential helper answered what is not JSON: {error}") from error
    if secret.username == _TOKEN_USER:
        return Credential(identity_token=secret.secret)
    return Credential(secret.username, secret.secret)


def _from_entry(entry: _Entry, name: str, path: Path) -> Credential | None:
    if entry.auth:
        try:
            username, _, password = base64.b64decode(entry.auth, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise InputError(f"`auth` of {name} in {path} is not base64", hint=f"brewhouse login {name}") from None
        return Credential(username, password.rstrip("\0"), entry.identitytoken)
    if entry.username or entry.identitytoken:
        return Credential(entry.username, entry.password, entry.identitytoken)
    return None
