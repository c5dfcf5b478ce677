"""HTTP/1.1 over connections that are kept and used again, from any thread.

Downloads go by httpx2; registries do not: with a fast one it took more than half of the time of a pull, for imports and
for copies of each byte in Python. The standard library's client reads a blob with one copy, and is there at once.
"""

import base64
import select
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from ssl import SSLContext
from urllib.parse import SplitResult, quote, unquote, urlsplit

import msgspec

import brewhouse
from brewhouse.errors import RegistryError
from brewhouse.system.network.address import proxy_address
from brewhouse.system.registry.wire import TemporaryError, connect_error, wire_error

CHUNK_BYTES = 1 << 18
# Errors and tokens are short; a longer answer is not read to its end.
LARGEST_ANSWER_BYTES = 1 << 20

_CONNECT_SECONDS = 15.0
_READ_SECONDS = 60.0
# What is left of an answer is read, so that its connection can be used again, unless it is longer than this.
_LARGEST_REST_BYTES = 1 << 16
_WITH_BODY = ("POST", "PUT", "PATCH")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 3986 section 2: all that may stand in an address; what else a server sends there is written as %XX.
_SAFE = "%/:?#[]@!$&'()*+,;=-._~"
_HEADERS = {
    "User-Agent": f"brewhouse/{brewhouse.__version__}",
    "Accept": "*/*",
    # A compressed transfer would have other bytes than those that digest and size are of.
    "Accept-Encoding": "identity",
}


class Request(msgspec.Struct, frozen=True):
    """What is asked of a server; `body` comes in pieces where it is long, with a Content-Length in the headers."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes | Iterable[bytes] = b""


class Response:
    """An answer, its body unread; `place` is who answered, for errors."""

    def __init__(self, raw: HTTPResponse, url: str, place: str, give_back: Callable[[], None]) -> None:
        """Call `give_back` in the end if the connection can be used again."""
        self.status = raw.status
        self.reason = raw.reason
        self.headers: HTTPMessage = raw.headers
        self.url = url
        self._raw = raw
        self._place = place
        self._give_back = give_back

    @property
    def is_success(self) -> bool:
        """Tell whether the status is one of 200 to 299."""
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110 section 15.3

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it comes; raises TemporaryError where it breaks off."""
        while piece := self._read():
            yield piece
        if self._raw.length:
            raise TemporaryError(f"{self._place}: the connection ended {self._raw.length} bytes too early")

    def read(self, limit: int = LARGEST_ANSWER_BYTES) -> bytes:
        """Return the body; raises RegistryError once it is longer than `limit` bytes."""
        pieces, length = [], 0
        for piece in self.pieces():
            length += len(piece)
            if length > limit:
                raise RegistryError(f"{self._place} sent more than {limit} bytes as an answer")
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Let the connection be used again if that is possible, else close it."""
        rest = self._raw.length
        try:
            if not self._raw.isclosed() and rest is not None and rest <= _LARGEST_REST_BYTES:
                self._raw.read()
        except (OSError, HTTPException):
            return
        if self._raw.isclosed() and not self._raw.will_close:
            self._give_back()
        else:
            self._raw.close()

    def _read(self) -> bytes:
        try:
            return self._raw.read(CHUNK_BYTES)
        except (OSError, HTTPException) as error:
            raise wire_error(error, self._place) from error


class Connections:
    """Connections to whatever hosts are asked for, each kept until `close`."""

    def __init__(self, trust: Callable[[], SSLContext], *, proxied: bool) -> None:
        """Check certificates as `trust` says, once they are needed; `proxied` goes through the user's proxies."""
        self._trust = trust
        self._proxies = _proxies() if proxied else {}
        self._context: SSLContext | None = None
        self._idle: dict[tuple[str, str], list[HTTPConnection]] = {}
        self._guard = threading.Lock()

    def close(self) -> None:
        """Close those that are not in use."""
        with self._guard:
            for connections in self._idle.values():
                for connection in connections:
                    connection.close()
            self._idle.clear()

    def send(self, request: Request, place: str) -> Response:
        """Return the answer to a request, to be closed; `place` is who is asked, for errors.

        Raises TemporaryError where another try may help, else BrewError; what a body raises while it is read passes.
        """
        address = _address(request.url, place)
        proxy = self._proxy(address)
        connection = self._connect(address, proxy, place)
        is_whole = False
        try:
            raw = _exchange(connection, request, address, proxy, place)
            is_whole = True
        finally:
            if not is_whole:
                connection.close()
        return Response(raw, request.url, place, lambda: self._keep(address, connection))

    def _connect(self, address: SplitResult, proxy: SplitResult | None, place: str) -> HTTPConnection:
        """Return a connection that is ready, one that was used before if there is any."""
        while True:
            with self._guard:
                idle = self._idle.get((address.scheme, address.netloc))
                known = idle.pop() if idle else None
            if known is None:
                break
            if _is_quiet(known):
                return known
            known.close()
        connection = self._new(address, proxy)
        try:
            connection.connect()
            connection.sock.settimeout(_READ_SECONDS)
        except (OSError, HTTPException, UnicodeError) as error:
            connection.close()
            raise connect_error(error, place) from error
        return connection

    def _new(self, address: SplitResult, proxy: SplitResult | None) -> HTTPConnection:
        host, port = _host(address)
        to_host, to_port = _host(proxy) if proxy else (host, port)
        if address.scheme == "http":
            return HTTPConnection(to_host, to_port, timeout=_CONNECT_SECONDS)
        with self._guard:
            self._context = self._context or self._trust()
        connection = HTTPSConnection(to_host, to_port, timeout=_CONNECT_SECONDS, context=self._context)
        if proxy:
            connection.set_tunnel(host, port, _proxy_login(proxy))
        return connection

    def _keep(self, address: SplitResult, connection: HTTPConnection) -> None:
        with self._guard:
            self._idle.setdefault((address.scheme, address.netloc), []).append(connection)

    def _proxy(self, address: SplitResult) -> SplitResult | None:
        url = self._proxies.get(address.scheme) or self._proxies.get("all", "")
        if not url:
            return None
        from urllib.request import proxy_bypass

        if proxy_bypass(address.netloc):
            return None
        return proxy_address(url)


def _exchange(
    connection: HTTPConnection, request: Request, address: SplitResult, proxy: SplitResult | None, place: str
) -> HTTPResponse:
    """Send a request, and return the answer to it."""
    through = proxy if address.scheme == "http" else None
    target = address.geturl() if through else address._replace(scheme="", netloc="").geturl()
    headers = {**_HEADERS, **request.headers, **(_proxy_login(through) if through else {})}
    whole = request.body if isinstance(request.body, bytes) else b""
    if "Content-Length" not in headers and (whole or request.method in _WITH_BODY):
        headers["Content-Length"] = str(len(whole))
    try:
        connection.putrequest(request.method, target or "/", skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(whole or None)
    except (OSError, HTTPException, ValueError) as error:
        raise wire_error(error, place) from error
    for piece in request.body if not isinstance(request.body, bytes) else ():
        try:
            connection.send(piece)
        except OSError:
            break  # a server that does not want the rest may have said so already
    try:
        return connection.getresponse()
    except (OSError, HTTPException) as error:
        raise wire_error(error, place) from error


def _is_quiet(connection: HTTPConnection) -> bool:
    """Tell whether nothing came on an idle connection: what comes there unasked is its end."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)


def _address(url: str, place: str) -> SplitResult:
    """Return an address without fragment; raises RegistryError for what is none."""
    try:
        address = urlsplit(quote(url, safe=_SAFE))._replace(fragment="")
        if address.scheme in _DEFAULT_PORTS and address.hostname and address.port != 0:
            return address
    except ValueError:
        pass
    raise RegistryError(f"{place}: `{url[:100]}` is not an address of the web")


def _host(address: SplitResult) -> tuple[str, int]:
    return address.hostname or "", address.port or _DEFAULT_PORTS[address.scheme]


def _proxies() -> Mapping[str, str]:
    """Return the user's proxies by scheme, as all programs find them: https_proxy, no_proxy and so on."""
    from urllib.request import getproxies_environment

    return getproxies_environment()


def _proxy_login(proxy: SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
