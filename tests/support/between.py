"""What stands between a program and a registry: it passes requests on, and answers some of them itself."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler

from tests.support.server import listening

Refuse = Callable[[str, str], int]
"""Returns the status that a request (method, path) is answered with, 0 where it is passed on."""


class Between:
    """`domain` is how it is called; `passed` are the requests that the registry got."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.domain = ""
        self.refuse: Refuse = lambda *_: 0
        self.passed: list[str] = []
        self.guard = threading.Lock()

    def name(self, path: str) -> str:
        return f"{self.domain}/{path}"


@contextmanager
def between(behind: str) -> Iterator[Between]:
    """Stand before the registry `behind` ("127.0.0.1:5000") during the block."""
    shown = Between(behind)

    class Handler(_Handler):
        between = shown

    with listening(Handler) as shown.domain:
        yield shown


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    between: Between

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with self.between.guard:
            status = self.between.refuse(self.command, self.path)
            if not status:
                self.between.passed.append(f"{self.command} {self.path}")
        if status:
            self._answer(status, b'{"errors": [{"code": "DENIED", "message": "not now"}]}', {})
            return
        connection = HTTPConnection(self.between.behind)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        self._answer(answer.status, answer.read(), dict(answer.headers))
        connection.close()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server gives the names

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""
