"""A web server on the loopback that can be told to misbehave."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Fault = Literal["flip", "truncate", "cut", "slow", "missing", "busy", "no ranges", "longer", "undated"]
"""flip: a changed byte. truncate: half the file, said to be all. cut: the connection ends in the middle, once for each
request that starts at the beginning. slow: in small pieces. missing: 404. busy: 503 at the first request. no ranges:
Range is ignored. longer: more bytes at the end. undated: no Last-Modified."""

MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"


class Server:
    """Files by path, the faults to be shown with them, and what was asked for."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.faults: dict[str, set[Fault]] = {}
        self.requests: list[tuple[str, str]] = []
        self.url = ""
        self._guard = threading.Lock()

    def spoil(self, path: str, *faults: Fault) -> None:
        """Show these faults whenever a path that ends in `path` is asked for."""
        self.faults[path] = set(faults)

    def asked(self, path: str) -> list[str]:
        """Return the Range headers of all requests for the paths that end in `path`, empty where there was none."""
        return [ranges for found, ranges in self.requests if found.endswith(path)]

    def note(self, path: str, ranges: str) -> tuple[set[Fault], int]:
        """Return the faults for this request, and how many there were for the path before it."""
        with self._guard:
            before = sum(found == path for found, _ in self.requests)
            self.requests.append((path, ranges))
        found = [faults for suffix, faults in self.faults.items() if path.endswith(suffix)]
        return set[Fault]().union(*found), before


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer requests on loopback during the block; yields "127.0.0.1:port"."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[Server]:
    """Serve `files` during the block."""
    server = Server(files)

    class Handler(_Handler):
        shown = server

    with listening(Handler) as address:
        server.url = f"http://{address}"
        yield server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    shown: Server

    def do_GET(self) -> None:
        faults, before = self.shown.note(self.path, self.headers.get("Range", ""))
        content = self.shown.files.get(self.path)
        if content is None or "missing" in faults:
            self._send(HTTPStatus.NOT_FOUND, b"")
        elif "busy" in faults and before == 0:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, b"")
        else:
            self._send_file(_spoilt(content, faults), faults)

    def _send_file(self, content: bytes, faults: set[Fault]) -> None:
        start = 0 if "no ranges" in faults else int(self.headers.get("Range", "bytes=0-")[6:].rstrip("-"))
        if start >= len(content) > 0:
            self._send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"")
            return
        self.send_response(HTTPStatus.PARTIAL_CONTENT if start else HTTPStatus.OK)
        if "undated" not in faults:
            self.send_header("Last-Modified", MODIFIED)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if "cut" in faults and not start:
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        step = max(1, len(content) // 5) if "slow" in faults else len(content) + 1
        for place in range(start, len(content), step):
            self.wfile.write(content[place : place + step])
            time.sleep(0.05 if "slow" in faults else 0)

    def _send(self, status: HTTPStatus, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


def _spoilt(content: bytes, faults: set[Fault]) -> bytes:
    if "flip" in faults:
        middle = len(content) // 2
        content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    if "truncate" in faults:
        content = content[: len(content) // 2]
    return content + b"more" if "longer" in faults else content
