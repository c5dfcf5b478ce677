"""Requests to one registry: authorised, redirected with care, tried again where that may help."""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2
import msgspec

import brewhouse
from brewhouse.errors import BrewError, InputError, RegistryError
from brewhouse.oci.reference import DEFAULT_DOMAIN
from brewhouse.system.credentials import Credential
from brewhouse.system.registry.auth import Authorizer
from brewhouse.system.registry.challenge import parse_challenges
from brewhouse.system.registry.settings import RegistrySettings, is_loopback
from brewhouse.system.registry.wire import (
    LARGEST_ANSWER_BYTES,
    Patience,
    TemporaryError,
    read_answer,
    retry_after_seconds,
    wire_errors,
)

Body = Callable[[], Iterator[bytes]]

_CONNECT_SECONDS = 15.0
_READ_SECONDS = 60.0
_CONNECTIONS = 16
_MOST_REDIRECTS = 5
# One login, and one more for a token that expired on the way.
_MOST_RENEWALS = 2
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
_UNAUTHORIZED = 401
_BAD_REQUEST = 400
# Docker Hub is called docker.io and answers elsewhere.
_HOSTS = {DEFAULT_DOMAIN: "registry-1.docker.io"}


class Ask(msgspec.Struct, frozen=True):
    """A request: `url` is a path of the registry or whole; `scopes` are what a token must be good for."""

    method: str
    url: str
    scopes: tuple[str, ...] = ()
    headers: Mapping[str, str] = {}
    content: bytes = b""


class Answer(msgspec.Struct, frozen=True):
    """A response that was read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Problem(msgspec.Struct, frozen=True):
    """One of the errors that a registry's answer lists."""

    code: str = ""
    message: str = ""


class _Problems(msgspec.Struct, frozen=True):
    errors: tuple[Problem, ...] = ()


class Transport:
    """What speaks to one registry, from any thread."""

    def __init__(
        self, domain: str, settings: RegistrySettings, credential: Credential | None, pauses_seconds: tuple[float, ...]
    ) -> None:
        """Find out whether the registry speaks HTTPS, where the settings leave that open."""
        self.domain = domain
        self.pauses_seconds = pauses_seconds
        host = _HOSTS.get(domain, domain)
        self._insecure = settings.insecure or (is_loopback(domain) and not settings.ca)
        self._client = _client(settings, verified=not self._insecure, loopback=is_loopback(domain))
        try:
            self.origin = self._find_origin(host) if self._insecure else f"https://{host}"
        except BaseException:
            self._client.close()
            raise
        self.authorizer = Authorizer(domain, self.origin, credential, self._client)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def send(self, ask: Ask, limit: int = LARGEST_ANSWER_BYTES) -> Answer:
        """Return the answer to a request that may be repeated; one that is in order, or refuses for good."""
        patience = Patience(self.pauses_seconds)
        while True:
            try:
                with self.open(ask) as response, wire_errors(self.domain):
                    body = b"" if ask.method == "HEAD" else read_answer(response, limit)
                    return Answer(response.status_code, response.headers, body, str(response.request.url))
            except TemporaryError as error:
                patience.wait(error)

    @contextmanager
    def open(self, ask: Ask, body: Body | None = None) -> Iterator[httpx2.Response]:
        """Give the answer to one try, its body unread; redirects are followed, without our name to other hosts.

        Raises TemporaryError where another try may help. A request with `body` is not repeated by itself: the caller
        knows how much of it has arrived.
        """
        url, renewals = urljoin(self.origin, ask.url), 0
        for _ in range(_MOST_REDIRECTS + _MOST_RENEWALS + 1):
            response, refused = self._try(ask, url, body)
            try:
                may_renew = renewals < _MOST_RENEWALS and _same_origin(url, self.origin)
                if response.status_code == _UNAUTHORIZED and may_renew:
                    self._renew(response, ask, refused)
                    if body is not None:
                        raise TemporaryError(f"{self.domain} wanted a new login")
                    renewals += 1
                    continue
                if response.status_code in _REDIRECTS and body is None:
                    url = self._redirect(response, url)
                    continue
                if response.status_code in _TEMPORARY:
                    raise self._temporary(response)
                yield response
                return
            finally:
                response.close()
        raise RegistryError(f"{self.domain} redirects without end")

    def _try(self, ask: Ask, url: str, body: Body | None) -> tuple[httpx2.Response, str]:
        """Return an answer with its body unread, and by which header we said who we are."""
        own = self.authorizer.headers(ask.scopes) if _same_origin(url, self.origin) else {}
        with wire_errors(urlsplit(url).netloc if not own else self.domain):
            request = self._client.build_request(
                ask.method,
                url,
                headers={**ask.headers, **own},
                content=body() if body else ask.content or None,
            )
            return self._client.send(request, stream=True), own.get("Authorization", "")

    def _renew(self, response: httpx2.Response, ask: Ask, refused: str) -> None:
        challenges = parse_challenges(response.headers.get_list("WWW-Authenticate"))
        self.authorizer.meet(challenges, ask.scopes, refused)

    def _redirect(self, response: httpx2.Response, url: str) -> str:
        """Return where to go instead; from HTTPS nobody is led to HTTP."""
        try:
            target = urljoin(url, response.headers.get("Location", ""))
            scheme, host, _ = _origin(target)
        except ValueError:
            scheme, host, target = "", "", ""
        if scheme not in ("http", "https") or not host:
            raise RegistryError(f"{self.domain} redirects to nowhere: `{target[:100]}`")
        if scheme == "http" and url.startswith("https:") and not self._insecure:
            raise RegistryError(f"{self.domain} redirects to {host} without TLS")
        return target

    def _temporary(self, response: httpx2.Response) -> TemporaryError:
        said = ""
        with suppress(TemporaryError, BrewError), wire_errors(self.domain):
            said = problem_text(read_answer(response, LARGEST_ANSWER_BYTES))
        reason = said or response.reason_phrase
        return TemporaryError(
            f"{self.domain} answered {response.status_code} {reason}".rstrip(),
            pause_seconds=retry_after_seconds(response, time.time()),
        )

    def _find_origin(self, host: str) -> str:
        """Return "https://host" or "http://host": loopback is asked without TLS first, the rest of the world with."""
        schemes = ("http", "https") if is_loopback(host) else ("https", "http")
        patience = Patience(self.pauses_seconds)
        while True:
            faults: list[BrewError | TemporaryError] = []
            for scheme in schemes:
                try:
                    if self._speaks(f"{scheme}://{host}"):
                        return f"{scheme}://{host}"
                except InputError:
                    raise
                except (BrewError, TemporaryError) as error:
                    faults.append(error)
            temporary = next((fault for fault in faults if isinstance(fault, TemporaryError)), None)
            if temporary is None:
                raise faults[-1] if faults else RegistryError(f"{host} is no registry")
            patience.wait(temporary)

    def _speaks(self, origin: str) -> bool:
        """Tell whether a server answers there; one in Go that wants TLS tells so by 400."""
        request = self._client.build_request("GET", f"{origin}/v2/")
        with wire_errors(origin):
            response = self._client.send(request, stream=True)
            response.close()
        return origin.startswith("https:") or response.status_code != _BAD_REQUEST


def refused(answer: Answer, what: str, authorizer: Authorizer) -> BrewError:
    """Return the error for an answer that refuses for good; `what` is what was wanted: "push to example.org/x"."""
    said = problem_text(answer.body)
    if answer.status == _UNAUTHORIZED:
        return authorizer.refusal()
    detail = f": {said}" if said else ""
    mend = "ask its owner for the right, or log in as somebody else: brewhouse login"
    return RegistryError(f"{what}: refused with {answer.status}{detail}", hint=mend if answer.status == 403 else "")  # noqa: PLR2004 - forbidden


def problem_text(body: bytes) -> str:
    """Return what a registry's error says, in one line: "manifest unknown"."""
    try:
        errors = msgspec.json.decode(body, type=_Problems).errors
    except (msgspec.DecodeError, RecursionError):
        return ""
    text = "; ".join(error.message or error.code.lower().replace("_", " ") for error in errors)
    return "".join(char if char.isprintable() else " " for char in text)[:300]


def _same_origin(url: str, origin: str) -> bool:
    """Tell whether both are one scheme, host and port."""
    return _origin(url) == _origin(origin)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _client(settings: RegistrySettings, *, verified: bool, loopback: bool) -> httpx2.Client:
    return httpx2.Client(
        verify=_trusted(settings.ca, verified=verified),
        timeout=httpx2.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
        limits=httpx2.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
        # A compressed transfer would have other bytes than those that digest and size are of.
        headers={"User-Agent": f"brewhouse/{brewhouse.__version__}", "Accept-Encoding": "identity", "Accept": "*/*"},
        follow_redirects=False,
        trust_env=not loopback,
    )


def _trusted(ca: str, *, verified: bool) -> ssl.SSLContext:
    """Return what certificates are checked against: the machine's authorities, and one more where it is named."""
    if not verified:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context = ssl.create_default_context()
    if ca:
        try:
            context.load_verify_locations(cafile=Path(ca))
        except (OSError, ssl.SSLError) as error:
            raise InputError(f"cannot read the certificates in {ca}: {error.strerror or error}") from error
    return context
