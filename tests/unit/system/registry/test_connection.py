"""Tests of the way to registries: connections used again, answers that come early or end early, proxies."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from brewhouse.errors import BrewError, InputError, RegistryError
from brewhouse.system.registry.connection import Connections, Request, Response
from brewhouse.system.registry.transport import trusted
from brewhouse.system.registry.wire import TemporaryError

# Not the name of a loopback registry, and reached there all the same.
HOST = "127.1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Wire:
    """A server that answers each request with the next of some texts, and notes what it was asked."""

    def __init__(self, answers: list[bytes]) -> None:
        self.heads: list[list[str]] = []
        self.connections = 0
        self.port = 0
        self.answers = answers
        self.body_bytes = 0

    def talk(self, peer: socket.socket) -> None:
        self.connections += 1
        with peer, peer.makefile("rb") as stream:
            while self.answers and (line := stream.readline()):
                head = [line.decode().strip()]
                while (line := stream.readline()) not in (b"\r\n", b""):
                    head.append(line.decode().strip())
                self.heads.append(head)
                for _ in range(self.body_bytes):
                    stream.read(1)
                answer = self.answers.pop(0)
                peer.sendall(answer)
                if b"Connection: close" in answer:
                    return


@contextmanager
def wire(*answers: bytes) -> Iterator[Wire]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = Wire(list(answers))
        served.port = listener.getsockname()[1]

        def accept() -> None:
            with suppress(OSError):  # the test is over
                while served.answers:
                    served.talk(listener.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield served


@pytest.fixture
def connections() -> Iterator[Connections]:
    found = Connections(trusted, proxied=False)
    yield found
    found.close()


def read(connections: Connections, served: Wire, path: str = "/", method: str = "GET") -> bytes:
    return ask(connections, Request(method, f"http://{HOST}:{served.port}{path}"), Response.read)


def ask(connections: Connections, request: Request, take: Callable[[Response], bytes]) -> bytes:
    response = connections.send(request, "r.example")
    try:
        return take(response)
    finally:
        response.close()


def test_a_connection_is_used_again_also_behind_an_answer_that_nobody_read(connections: Connections) -> None:
    with wire(OK, OK, b"HTTP/1.1 204 No Content\r\n\r\n", OK) as served:
        assert read(connections, served) == b"hello"
        ask(connections, Request("GET", f"http://{HOST}:{served.port}/"), lambda _: b"")
        assert read(connections, served) == b""
        assert read(connections, served) == b"hello"
    assert served.connections == 1


def test_a_connection_that_the_server_closed_is_not_used_again(connections: Connections) -> None:
    with wire(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), OK) as served:
        assert read(connections, served) == read(connections, served) == b"hello"
    assert served.connections == 2


def test_a_body_in_chunks_is_put_together(connections: Connections) -> None:
    with wire(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n") as served:
        assert read(connections, served) == b"hello"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhello", "ended 4 bytes too early"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n9\r\nhello", "r.example"),
        (b"nonsense\r\nConnection: close\r\n\r\n", "nonsense"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n Connection: close\r\n\r\n", "more than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"Connection: close\r\n\r\n", "more than 100 headers"),
    ],
)
def test_an_answer_that_is_not_whole_is_worth_another_try(answer: bytes, text: str, connections: Connections) -> None:
    with wire(answer) as served, pytest.raises(TemporaryError, match=text):
        read(connections, served)


def test_an_answer_that_is_too_long_is_not_read_to_its_end(connections: Connections) -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\n" + b"x" * 1_000_000
    with wire(long) as served, pytest.raises(RegistryError, match="more than 10 bytes"):
        ask(connections, Request("GET", f"http://{HOST}:{served.port}/"), lambda response: response.read(10))


def test_a_server_that_answers_before_it_has_all_is_heard(connections: Connections) -> None:
    with wire(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as served:
        served.body_bytes = 10_000
        pieces = (b"x" * 10_000 for _ in range(1000))
        request = Request("PUT", f"http://{HOST}:{served.port}/", {"Content-Length": "10000000"}, pieces)
        try:
            response = connections.send(request, "r.example")
        except TemporaryError:
            return  # its answer was lost in the reset of the connection, which the kernel may do
        assert response.status == 413
        response.close()


def test_what_a_body_raises_is_no_fault_of_the_wire(connections: Connections) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise OSError(5, "Input/output error")

    with wire(OK) as served, pytest.raises(OSError, match="Input/output"):
        connections.send(Request("PUT", f"http://{HOST}:{served.port}/", {"Content-Length": "9"}, broken()), "r")


@pytest.mark.parametrize("url", ["ftp://r.example/", "http://", "http://r.example:99999/", "http://[::1/", "x"])
def test_what_is_no_address_is_refused(url: str, connections: Connections) -> None:
    with pytest.raises(BrewError, match="is not an address of the web"):
        connections.send(Request("GET", url), "r.example")


def test_an_address_is_written_as_the_standard_wants_it(connections: Connections) -> None:
    with wire(OK) as served:
        read(connections, served, "/a b/ü%20?x=ä&y=%41#end")
    assert served.heads[0][0] == "GET /a%20b/%C3%BC%20?x=%C3%A4&y=%41 HTTP/1.1"


def test_a_proxy_is_asked_for_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with wire(OK) as served:
        monkeypatch.setenv("http_proxy", f"http://me:p%40ss@127.0.0.1:{served.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert (
            ask(Connections(trusted, proxied=True), Request("GET", "http://r.example/v2/"), Response.read) == b"hello"
        )
    assert served.heads[0][:2] == ["GET http://r.example/v2/ HTTP/1.1", "Host: r.example"]
    assert "Proxy-Authorization: Basic bWU6cEBzcw==" in served.heads[0]


def test_a_proxy_is_asked_for_a_tunnel_where_there_is_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    with wire(b"HTTP/1.1 407 Who are you?\r\nConnection: close\r\n\r\n") as served:
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{served.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        with pytest.raises(TemporaryError, match="407 Who are you"):
            Connections(trusted, proxied=True).send(Request("GET", "https://r.example/v2/"), "r.example")
    assert served.heads[0][0] in ("CONNECT r.example:443 HTTP/1.0", "CONNECT r.example:443 HTTP/1.1")


def test_no_proxy_is_asked_for_hosts_that_need_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with wire(OK) as served:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", HOST)
        request = Request("GET", f"http://{HOST}:{served.port}/")
        assert ask(Connections(trusted, proxied=True), request, Response.read) == b"hello"


def test_a_proxy_of_another_kind_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1080")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(InputError, match="`socks5` is not a kind of proxy known here"):
        Connections(trusted, proxied=True).send(Request("GET", "https://r.example/"), "r.example")
