"""Requests to one registry: authorised, redirected with care, tried again where that may help."""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPMessage
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import msgspec

from brewhouse.errors import BrewError, InputError, RegistryError
from brewhouse.oci.reference import DEFAULT_DOMAIN
from brewhouse.system.network.credentials import Credential
from brewhouse.system.registry.auth import Authorizer
from brewhouse.system.registry.challenge import parse_challenges
from brewhouse.system.registry.connection import LARGEST_ANSWER_BYTES, Connections, Request, Response
from brewhouse.system.registry.settings import RegistrySettings, is_loopback
from brewhouse.system.registry.wire import Patience, TemporaryError, retry_after_seconds

Body = Callable[[], Iterator[bytes]]

MOST_REDIRECTS = 5
# One login, and one more for a token that expired on the way.
_MOST_RENEWALS = 2
REDIRECTS = frozenset({301, 302, 303, 307, 308})
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
    headers: HTTPMessage
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
        self._connections = Connections(
            lambda: trusted(settings.ca, verified=not self._insecure), proxied=not is_loopback(domain)
        )
        try:
            self.origin = self._find_origin(host) if self._insecure else f"https://{host}"
        except BaseException:
            self._connections.close()
            raise
        self.authorizer = Authorizer(domain, self.origin, credential, self._connections)

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()

    def send(self, ask: Ask, limit: int = LARGEST_ANSWER_BYTES) -> Answer:
        """Return the answer to a request that may be repeated; one that is in order, or refuses for good."""
        patience = Patience(self.pauses_seconds)
        while True:
            try:
                with self.open(ask) as response:
                    return Answer(response.status, response.headers, response.read(limit), response.url)
            except TemporaryError as error:
                patience.wait(error)

    @contextmanager
    def open(self, ask: Ask, body: Body | None = None) -> Iterator[Response]:
        """Give the answer to one try, its body unread; redirects are followed, without our name to other hosts.

        Raises TemporaryError where another try may help. A request with `body` is not repeated by itself: the caller
        knows how much of it has arrived.
        """
        url, renewals = urljoin(self.origin, ask.url), 0
        for _ in range(MOST_REDIRECTS + _MOST_RENEWALS + 1):
            response, refused = self._try(ask, url, body)
            try:
                may_renew = renewals < _MOST_RENEWALS and _same_origin(url, self.origin)
                if response.status == _UNAUTHORIZED and may_renew:
                    self._renew(response, ask, refused)
                    if body is not None:
                        raise TemporaryError(f"{self.domain} wanted a new login")
                    renewals += 1
                    continue
                if response.status in REDIRECTS and body is None:
                    url = redirect_target(response, url, self.domain, may_leave_tls=self._insecure)
                    continue
                if response.status in _TEMPORARY:
                    raise self._temporary(response)
                yield response
                return
            finally:
                response.close()
        raise RegistryError(f"{self.domain} redirects without end")

    def _try(self, ask: Ask, url: str, body: Body | None) -> tuple[Response, str]:
        """Return an answer with its body unread, and by which header we said who we are."""
        own = self.authorizer.headers(ask.scopes) if _same_origin(url, self.origin) else {}
        request = Request(ask.method, url, {**ask.headers, **own}, body() if body else ask.content)
        place = self.domain if _same_origin(url, self.origin) else urlsplit(url).netloc
        return self._connections.send(request, place), own.get("Authorization", "")

    def _renew(self, response: Response, ask: Ask, refused: str) -> None:
        challenges = parse_challenges(response.headers.get_all("WWW-Authenticate", []))
        self.authorizer.meet(challenges, ask.scopes, refused)

    def _temporary(self, response: Response) -> TemporaryError:
        said = ""
        with suppress(TemporaryError, BrewError):
            said = problem_text(response.read())
        reason = said or response.reason
        return TemporaryError(
            f"{self.domain} answered {response.status} {reason}".rstrip(),
            pause_seconds=retry_after_seconds(response.headers.get("Retry-After", ""), time.time()),
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
        response = self._connections.send(Request("GET", f"{origin}/v2/"), origin)
        response.close()
        return origin.startswith("https:") or response.status != _BAD_REQUEST


def redirect_target(response: Response, url: str, place: str, *, may_leave_tls: bool = False) -> str:
    """Return where a request for `url` is sent to instead; from HTTPS nobody is led to HTTP."""
    try:
        target = urljoin(url, response.headers.get("Location", ""))
        scheme, host, _ = _origin(target)
    except ValueError:
        scheme, host, target = "", "", ""
    if scheme not in ("http", "https") or not host:
        raise RegistryError(f"{place} redirects to nowhere: `{target[:100]}`")
    if scheme == "http" and url.startswith("https:") and not may_leave_tls:
        raise RegistryError(f"{place} redirects to {host} without TLS")
    return target


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


def trusted(ca: str = "", *, verified: bool = True) -> ssl.SSLContext:
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
