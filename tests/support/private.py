"""A web server on the loopback that serves git repositories and files, to those who have the right header only.

Or, with `moved_to`, sends everybody on to another server.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.support.server import listening


class Private:
    """What is served, and the values of Authorization that were sent."""

    def __init__(self, root: Path, files: Mapping[str, bytes], authorization: str) -> None:
        self.root = root
        self.files = files
        self.authorization = authorization
        self.sent: list[str] = []
        self.moved_to = ""
        self.url = ""
        self.host = ""


@contextmanager
def serving_privately(
    root: Path, files: Mapping[str, bytes] | None = None, authorization: str = ""
) -> Iterator[Private]:
    """Serve the repositories below `root`, and `files` by path; `authorization` is asked for unless it is empty."""
    server = Private(root, files or {}, authorization)

    class Handler(_Handler):
        shown = server

    with listening(Handler) as server.host:
        server.url = f"http://{server.host}"
        yield server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    shown: Private

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        authorization = self.headers.get("Authorization", "")
        self.shown.sent.append(authorization)
        if self.shown.moved_to:
            self._send(HTTPStatus.FOUND, b"", {"Location": f"{self.shown.moved_to}{self.path}"})
        elif self.shown.authorization not in ("", authorization):
            self._send(HTTPStatus.UNAUTHORIZED, b"", {"WWW-Authenticate": 'Basic realm="private"'})
        elif path in self.shown.files:
            self._send(HTTPStatus.OK, self.shown.files[path], {})
        else:
            self._send_repository(path, query)

    do_POST = do_GET  # noqa: N815 - the name is http.server's

    def _send_repository(self, path: str, query: str) -> None:
        """Answer as git's own CGI program does."""
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length) if length else b"".join(self._chunks())
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.shown.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(headers.pop("Status", "200").split()[0])
        self._send(HTTPStatus(status), content, headers)

    def _chunks(self) -> Iterator[bytes]:
        while self.headers.get("Transfer-Encoding") == "chunked" and (size := int(self.rfile.readline(), 16)):
            yield self.rfile.read(size)
            self.rfile.readline()

    def _send(self, status: HTTPStatus, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""
