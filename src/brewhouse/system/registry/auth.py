"""Saying who one is: Basic, or a Bearer token for the scopes of a request, asked for anew when it has expired.

Source: distribution/distribution docs/spec/auth/token.md and oauth.md.
"""

import base64
import threading
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit

import msgspec

from brewhouse.errors import InputError, RegistryError
from brewhouse.system.network.credentials import Credential
from brewhouse.system.registry.challenge import Challenge
from brewhouse.system.registry.connection import Connections, Request
from brewhouse.system.registry.wire import TemporaryError

_CLIENT_ID = "brewhouse"
_DEFAULT_LIFE_SECONDS = 60
# A token that ends this soon is not begun with.
_MARGIN_SECONDS = 10
_UNAUTHORIZED = (401, 403)
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Token(msgspec.Struct, frozen=True):
    """What a token server answers; old ones say `token`, OAuth says `access_token`."""

    token: str = ""
    access_token: str = ""
    expires_in: int = 0


class _Held(msgspec.Struct, frozen=True):
    """A token, and the time of `time.monotonic` until which it is used."""

    header: str
    until: float


class Authorizer:
    """The credentials for one registry, and the tokens that were got for them."""

    def __init__(self, domain: str, origin: str, credential: Credential | None, connections: Connections) -> None:
        """Know nothing of what the registry asks for until it says so."""
        self._domain = domain
        self._origin = origin
        self._credential = credential
        self._connections = connections
        self._challenge: Challenge | None = None
        self._tokens: dict[tuple[str, ...], _Held] = {}
        self._guard = threading.Lock()

    def headers(self, scopes: tuple[str, ...]) -> dict[str, str]:
        """Return the header that a request with `scopes` needs, as far as is known; a token is fetched if need be."""
        with self._guard:
            if self._challenge is None:
                return {}
            if self._challenge.scheme == "basic":
                return {"Authorization": self._basic()}
            held = self._tokens.get(scopes)
            if held is None or held.until <= time.monotonic():
                held = self._tokens[scopes] = self._fetch(self._challenge, scopes)
            return {"Authorization": held.header}

    def meet(self, challenges: Sequence[Challenge], scopes: tuple[str, ...], refused: str) -> None:
        """Take what the registry asks for, after it refused a request with the header `refused` ("" for none).

        Raises InputError where there is nothing more to be said: no credentials, or wrong ones.
        """
        usable = [challenge for challenge in challenges if challenge.scheme in ("bearer", "basic")]
        # A registry that offers both means the token for its clients, and Basic for people.
        chosen = next((challenge for challenge in usable if challenge.scheme == "bearer"), next(iter(usable), None))
        if not challenges:
            raise self.refusal()
        if chosen is None:
            raise RegistryError(f"{self._domain} asks for a login of a kind that nobody here knows")
        if chosen.scheme == "basic" and (self._credential is None or refused):
            raise self.refusal()
        if chosen.scheme == "bearer":
            self._check_realm(chosen)
        with self._guard:
            self._challenge = chosen
            held = self._tokens.get(scopes)
            if held and held.header == refused:
                del self._tokens[scopes]

    def refusal(self) -> InputError:
        """Return the error for credentials that are missing or not good enough."""
        if self._credential is None:
            return InputError(f"{self._domain} wants a login", hint=f"brewhouse login {self._domain}")
        who = f"of `{self._credential.username}`" if self._credential.username else "that is kept for it"
        mend = f"brewhouse login {self._domain}"
        return InputError(f"{self._domain} refused the user name or password {who}", hint=mend)

    def _basic(self) -> str:
        if self._credential is None:
            raise self.refusal()
        pair = f"{self._credential.username}:{self._credential.password}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def _check_realm(self, challenge: Challenge) -> None:
        """Refuse a token server to which the password would travel less safely than to the registry itself."""
        try:
            realm = urlsplit(challenge.realm)
        except ValueError:
            realm = urlsplit("")
        if realm.scheme not in ("http", "https") or not realm.hostname:
            raise RegistryError(f"{self._domain} names no token server: realm `{challenge.realm[:100]}`")
        if realm.scheme == "http" and self._origin.startswith("https:"):
            mend = "the registry must be mended: tokens come over HTTPS"
            raise RegistryError(f"{self._domain} sends passwords to {realm.hostname} without TLS", hint=mend)

    def _fetch(self, challenge: Challenge, scopes: tuple[str, ...]) -> _Held:
        begun = time.monotonic()
        token = self._ask(challenge, scopes)
        life = max(token.expires_in or _DEFAULT_LIFE_SECONDS, 2 * _MARGIN_SECONDS)
        return _Held(f"Bearer {token.token or token.access_token}", begun + life - _MARGIN_SECONDS)

    def _ask(self, challenge: Challenge, scopes: tuple[str, ...]) -> _Token:
        """Return a token for scopes; raises InputError where the token server does not believe us."""
        request = self._token_request(challenge, scopes)
        server = f"the token server {urlsplit(request.url).hostname}"
        response = self._connections.send(request, server)
        try:
            body = response.read()
        finally:
            response.close()
        if response.status in _UNAUTHORIZED:
            raise self.refusal()
        if response.status in _TEMPORARY:
            raise TemporaryError(f"{server} answered {response.status}")
        if not response.is_success:
            raise RegistryError(f"{server} answered {response.status}")
        try:
            token = msgspec.json.decode(body, type=_Token)
        except (msgspec.DecodeError, RecursionError) as error:
            raise RegistryError(f"{server} sent what is no token: {error}") from error
        text = token.token or token.access_token
        if not text or not text.isascii() or not text.isprintable():
            raise RegistryError(f"{server} sent no token")
        return token

    def _token_request(self, challenge: Challenge, scopes: tuple[str, ...]) -> Request:
        service = challenge.parameters.get("service", "")
        credential = self._credential
        if credential and credential.identity_token:
            form: Mapping[str, str] = {
                "grant_type": "refresh_token",
                "service": service,
                "client_id": _CLIENT_ID,
                "scope": " ".join(scopes),
                "refresh_token": credential.identity_token,
            }
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            return Request("POST", challenge.realm, kind, urlencode(form).encode())
        query = [("scope", scope) for scope in scopes]
        query += [("service", service)] if service else []
        query += [("account", credential.username)] if credential else []
        headers = {"Authorization": self._basic()} if credential else {}
        mark = "&" if urlsplit(challenge.realm).query else "?"
        return Request("GET", f"{challenge.realm}{mark}{urlencode(query)}", headers)
