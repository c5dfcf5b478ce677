"""A registry on the loopback that fails in every way it can, by a seed: it speaks HTTP, or what is meant to look so.

It keeps what it gets in memory and checks digests of uploads as real registries do; only its answers lie.
"""

import base64
import hashlib
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from tests.support.server import listening

USER, PASSWORD = "brewer", "hops"
Fault = Literal[
    "cut", "cut body", "busy", "error", "unavailable", "lie digest", "lie length", "truncate", "longer", "flip",
    "redirect", "upload elsewhere", "expire", "no ranges", "garbage", "forget upload", "empty",
]  # fmt: skip
FAULTS: tuple[Fault, ...] = Fault.__args__  # type: ignore[attr-defined] # what Literal keeps its words in

_STATUS: dict[Fault, int] = {"busy": 429, "error": 500, "unavailable": 503}
_STALL_SECONDS = 60
_STALL_BYTES = 100_000
_SPOILS: tuple[Fault, ...] = ("truncate", "longer", "flip", "empty")


class Registry:
    """What the registry holds, and how it fails: each request with probability `rate`, at most `most` times."""

    def __init__(self, seed: int, rate: float = 0.0, most: int = 0, faults: tuple[Fault, ...] = FAULTS) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same faults each time
        self.rate = rate
        self.left = most
        self.faults = faults
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.tags: dict[str, str] = {}
        self.uploads: dict[str, bytearray] = {}
        self.tokens: set[str] = set()
        self.shown: list[Fault] = []
        self.elsewhere_headers: list[str] = []
        self.domain = ""
        self.elsewhere = ""
        self.guard = threading.Lock()
        # Where it `stalls`, it stops in the middle of large blobs, says so by `stalled`, and waits to be `released`.
        self.stalls = False
        self.stalled = threading.Event()
        self.released = threading.Event()
        self.ranges: list[int] = []

    def draw(self) -> Fault | None:
        """Return the fault of the next request, or none."""
        with self.guard:
            if self.left <= 0 or self.chance.random() >= self.rate:
                return None
            self.left -= 1
            fault = self.chance.choice(self.faults)
            self.shown.append(fault)
            return fault

    def put_blob(self, content: bytes) -> str:
        """Hold a blob without a request."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return digest

    def put_manifest(self, content: bytes, media_type: str, tag: str) -> str:
        """Hold a manifest under a tag without a request."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.manifests[digest] = (media_type, content)
        self.tags[tag] = digest
        return digest


@contextmanager
def serving(registry: Registry) -> Iterator[Registry]:
    """Serve the registry, and the place that it redirects to, during the block."""

    class Handler(_Handler):
        shown = registry

    class Elsewhere(_Elsewhere):
        shown = registry

    with listening(Handler) as registry.domain, listening(Elsewhere) as elsewhere:
        registry.elsewhere = f"http://{elsewhere}"
        yield registry


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    shown: Registry

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


class _Elsewhere(_Quiet):
    """Where blobs are redirected to; it notes who says who he is."""

    def do_GET(self) -> None:
        if "Authorization" in self.headers:
            self.shown.elsewhere_headers.append(self.headers["Authorization"])
        content = self.shown.blobs[self.path.removeprefix("/")]
        start = int(self.headers.get("Range", "bytes=0-")[6:].rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:])

    do_HEAD = do_GET  # noqa: N815 - http.server gives the names

    def do_PUT(self) -> None:
        """Take a blob that was begun at the registry."""
        if "Authorization" in self.headers:
            self.shown.elsewhere_headers.append(self.headers["Authorization"])
        content = self.rfile.read(int(self.headers["Content-Length"]))
        digest = parse_qs(urlsplit(self.path).query)["digest"][0]
        is_right = digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
        if is_right:
            self.shown.blobs[digest] = content
        self.send_response(201 if is_right else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()


class _Handler(_Quiet):
    """The registry itself."""

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the same

    def _serve(self) -> None:
        if self.path == "/v2/":
            self._answer(200, b"{}")  # how we find out whether it speaks TLS
            return
        fault = self.shown.draw()
        body = self._read_body(half=fault == "cut body")
        if fault == "cut":
            self.close_connection = True
        elif fault == "garbage":
            self.wfile.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
            self.close_connection = True
        elif fault in _STATUS:
            self._answer(_STATUS[fault], b'{"errors": [{"code": "TOOMANYREQUESTS"}]}', {"Retry-After": "0"})
        elif self.path.startswith("/token"):
            self._token(fault)
        else:
            self._registry(fault, body)

    def _registry(self, fault: Fault | None, body: bytes) -> None:
        held = self.shown
        if fault == "expire":
            held.tokens.clear()
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in held.tokens:
            realm = f'Bearer realm="http://{held.domain}/token",service="tests",scope="repository:x:pull,push"'
            self._answer(401, b"", {"WWW-Authenticate": realm})
            return
        path = urlsplit(self.path).path
        if "/blobs/uploads/" in path:
            self._upload(path, fault, body)
        elif "/blobs/" in path:
            self._blob(path.rpartition("/")[2], fault)
        elif "/manifests/" in path:
            self._manifest(path.rpartition("/")[2], fault, body)
        else:
            self._answer(404, b'{"errors": [{"code": "NAME_UNKNOWN"}]}')

    def _token(self, fault: Fault | None) -> None:
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != expected:
            self._answer(401, b"")
            return
        token = f"t{self.shown.chance.random()}"
        self.shown.tokens.add(token)
        self._answer(200, json.dumps({"token": token}).encode(), fault=fault)

    def _blob(self, digest: str, fault: Fault | None) -> None:
        content = self.shown.blobs.get(digest)
        if content is None:
            self._answer(404, b'{"errors": [{"code": "BLOB_UNKNOWN"}]}')
        elif fault == "redirect":
            self._answer(307, b"", {"Location": f"{self.shown.elsewhere}/{digest}"})
        else:
            ranges = self.headers.get("Range", "")
            start = 0 if fault == "no ranges" or not ranges else int(ranges[6:].rstrip("-"))
            self.shown.ranges.append(start)
            headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
            self._answer(206 if start else 200, content[start:], {**headers, **self._digest(digest, fault)}, fault)

    def _manifest(self, name: str, fault: Fault | None, body: bytes) -> None:
        held = self.shown
        if self.command == "PUT":
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            if name.startswith("sha256:") and name != digest:
                self._answer(400, b'{"errors": [{"code": "DIGEST_INVALID"}]}')
                return
            held.manifests[digest] = (self.headers["Content-Type"], body)
            if not name.startswith("sha256:"):
                held.tags[name] = digest
            self._answer(201, b"", self._digest(digest, fault), fault)
            return
        digest = held.tags.get(name, name)
        if digest not in held.manifests:
            self._answer(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')
            return
        media_type, content = held.manifests[digest]
        self._answer(200, content, {"Content-Type": media_type, **self._digest(digest, fault)}, fault)

    def _upload(self, path: str, fault: Fault | None, body: bytes) -> None:
        held = self.shown
        number = path.rpartition("/")[2]
        if self.command == "POST":
            number = str(len(held.uploads) + 1)
            held.uploads[number] = bytearray()
            self._upload_answer(202, number, fault)
        elif number not in held.uploads:
            self._answer(404, b'{"errors": [{"code": "BLOB_UPLOAD_UNKNOWN"}]}')
        elif self.command == "GET":
            self._upload_answer(204, number, fault)
        elif self.command == "DELETE":
            del held.uploads[number]
            self._answer(204, b"")
        else:
            self._take(number, fault, body)

    def _take(self, number: str, fault: Fault | None, body: bytes) -> None:
        held = self.shown
        upload = held.uploads[number]
        start = int(self.headers.get("Content-Range", f"{len(upload)}-").partition("-")[0])
        if start != len(upload):
            self._answer(416, b"")
            return
        upload += body
        if fault == "forget upload":
            del held.uploads[number]
            self._answer(404, b'{"errors": [{"code": "BLOB_UPLOAD_UNKNOWN"}]}')
        elif fault == "cut body":
            self.close_connection = True
        elif self.command == "PATCH":
            self._upload_answer(202, number, fault)
        else:
            wanted = parse_qs(urlsplit(self.path).query)["digest"][0]
            content = bytes(held.uploads.pop(number))
            if f"sha256:{hashlib.sha256(content).hexdigest()}" != wanted:
                self._answer(400, b'{"errors": [{"code": "DIGEST_INVALID"}]}')
                return
            held.blobs[wanted] = content
            self._answer(201, b"", self._digest(wanted, fault), fault)

    def _upload_answer(self, status: int, number: str, fault: Fault | None) -> None:
        arrived = max(0, len(self.shown.uploads[number]) - 1)
        place = self.shown.elsewhere if fault == "upload elsewhere" and self.command == "POST" else ""
        headers = {"Location": f"{place}/v2/x/blobs/uploads/{number}", "Range": f"0-{arrived}"}
        self._answer(status, b"", headers, fault)

    def _digest(self, digest: str, fault: Fault | None) -> dict[str, str]:
        lie = "sha256:" + hashlib.sha256(b"a lie").hexdigest()
        return {"Docker-Content-Digest": lie if fault == "lie digest" else digest}

    def _stall(self) -> None:
        self.shown.stalled.set()
        self.shown.released.wait(_STALL_SECONDS)
        self.close_connection = True

    def _read_body(self, *, half: bool) -> bytes:
        length = int(self.headers.get("Content-Length", "0"))
        if self.shown.stalls and self.command in ("PUT", "PATCH") and length > _STALL_BYTES:
            body = self.rfile.read(length // 2)
            self._stall()
            return body
        if half and self.command in ("PUT", "PATCH"):
            return self.rfile.read(length // 2)
        return self.rfile.read(length)

    def _answer(
        self, status: int, content: bytes, headers: dict[str, str] | None = None, fault: Fault | None = None
    ) -> None:
        content = _spoilt(content, fault) if fault in _SPOILS else content
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        length = len(content) + (7 if fault == "lie length" else 0)
        if status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "GET" and self.shown.stalls and length > _STALL_BYTES:
            self.wfile.write(content[: len(content) // 2])
            self._stall()
        elif self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if fault == "cut body" else content)
        if fault in ("cut body", "lie length"):
            self.close_connection = True


def _spoilt(content: bytes, fault: Fault | None) -> bytes:
    """Return other bytes, and say nothing of it."""
    middle = len(content) // 2
    match fault:
        case "truncate":
            return content[:middle]
        case "longer":
            return content + b"more"
        case "flip" if content:
            return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        case _:
            return b""
