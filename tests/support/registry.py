"""Debian's registry on the loopback, as its owners run it: with or without TLS, with passwords, with a token server."""

import base64
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socket import create_server
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.server import listening

# The environment of somebody whom no registry knows.
NOBODY = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}
USER, PASSWORD = "brewer", "hops:and malt"
# What a token server gave USER instead of a password.
IDENTITY = "identity of brewer"
REGISTRY = "/usr/bin/docker-registry"
_ISSUER = "tests"
_SERVICE = "registry of tests"
_START_SECONDS = 20
_TOKEN_SECONDS = 60


class Served:
    """A running registry: its name, and where it keeps blobs."""

    def __init__(self, domain: str, folder: Path) -> None:
        self.domain = domain
        self.folder = folder
        self.tokens: list[str] = []

    def name(self, path: str) -> str:
        return f"{self.domain}/{path}"

    def blob(self, digest: str) -> Path:
        """Return the file of a blob."""
        hexadecimal = digest.removeprefix("sha256:")
        return self.folder / "docker/registry/v2/blobs/sha256" / hexadecimal[:2] / hexadecimal / "data"


@contextmanager
def registry(folder: Path, *, tls: "Certificate | None" = None, auth: str = "") -> Iterator[Served]:
    """Serve from `folder` during the block; `auth` is YAML for its auth section."""
    if not Path(REGISTRY).exists():
        pytest.skip("docker-registry is not installed: apt-get install docker-registry")
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    certificate = f", tls: {{certificate: {tls.certificate}, key: {tls.key}}}" if tls else ""
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}}}, delete: {{enabled: true}}}}\n"
        f'http: {{addr: "127.0.0.1:{port}"{certificate}}}\n{auth}'
    )
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([REGISTRY, "serve", str(config)], stdout=log, stderr=log)
    try:
        _wait_for(server, port, folder / "log")
        yield Served(f"127.0.0.1:{port}", folder)
    finally:
        server.terminate()
        server.wait(timeout=20)


def password_auth(folder: Path) -> str:
    """Return the auth section for one user with a password, in a file that htpasswd makes."""
    if not shutil.which("htpasswd"):
        pytest.skip("htpasswd is not installed: apt-get install apache2-utils")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["htpasswd", "-Bbn", USER, PASSWORD], capture_output=True, check=True)
    (folder / "htpasswd").write_bytes(done.stdout)
    return f"auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}\n"


class Certificate:
    """A key and a certificate for 127.0.0.1 that vouches for itself."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tests"]
        words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(self.key), "-out", str(self.certificate)]
        subprocess.run(words, check=True, capture_output=True)


@contextmanager
def token_registry(folder: Path) -> Iterator[Served]:
    """Serve a registry that wants a token for every request, and who gives tokens to USER; pulls need none."""
    certificate = Certificate(folder / "issuer")
    tokens: list[str] = []
    with _token_server(certificate, tokens) as realm:
        auth = (
            f"auth: {{token: {{realm: {realm}, service: {_SERVICE}, issuer: {_ISSUER},"
            f" rootcertbundle: {certificate.certificate}}}}}\n"
        )
        with registry(folder / "data", auth=auth) as served:
            served.tokens = tokens
            yield served


def identity_config(folder: Path, domain: str, identity: str = IDENTITY) -> Mapping[str, str]:
    """Write what `docker login` writes where the token server gives identity tokens; return the environment."""
    environment = docker_config(folder, domain, USER, "")
    config = json.loads((folder / "config.json").read_text())
    config["auths"][domain]["identitytoken"] = identity
    (folder / "config.json").write_text(json.dumps(config))
    return environment


def docker_config(folder: Path, domain: str, username: str = USER, password: str = PASSWORD) -> Mapping[str, str]:
    """Write what `docker login` writes, and return the environment that makes it count."""
    folder.mkdir(parents=True, exist_ok=True)
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {domain: {"auth": pair}}}))
    return {"DOCKER_CONFIG": str(folder), "PATH": "/usr/bin:/bin", "HOME": str(folder)}


@contextmanager
def _token_server(certificate: Certificate, tokens: list[str]) -> Iterator[str]:
    """Give tokens during the block, each noted by its scopes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            scopes = query.get("scope", [])
            expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            given = self.headers.get("Authorization")
            if given not in (None, expected):
                self._answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "who are you?"}]})
                return
            tokens.append(" ".join(scopes))
            granted = [scope for scope in scopes if given or scope.endswith(":pull")]
            self._answer(200, {"token": _sign(certificate, granted), "expires_in": _TOKEN_SECONDS})

        def do_POST(self) -> None:
            """Answer as OAuth2 does: distribution's docs/spec/auth/oauth.md."""
            form = {key: value[0] for key, value in parse_qs(self._body().decode()).items()}
            expected = {"grant_type": "refresh_token", "refresh_token": IDENTITY, "service": _SERVICE}
            if "Authorization" in self.headers or not expected.items() <= form.items() or not form.get("client_id"):
                self._answer(401, {"error": "invalid_grant"})
                return
            tokens.append(f"oauth {form['scope']}")
            token = _sign(certificate, form["scope"].split())
            self._answer(200, {"access_token": token, "expires_in": _TOKEN_SECONDS, "scope": form["scope"]})

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def _answer(self, status: int, document: object) -> None:
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with listening(Handler) as address:
        yield f"http://{address}/token"


def _sign(certificate: Certificate, scopes: list[str]) -> str:
    """Return a JSON web token as distribution wants it, signed by openssl."""
    der = subprocess.run(
        ["openssl", "x509", "-in", str(certificate.certificate), "-outform", "DER"], capture_output=True, check=True
    ).stdout
    now = int(time.time())
    access = []
    for scope in scopes:
        kind, name, actions = scope.split(":")
        access.append({"type": kind, "name": name, "actions": actions.split(",")})
    header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
    times = {"iat": now - 5, "nbf": now - 5, "exp": now + _TOKEN_SECONDS}
    claims = {"iss": _ISSUER, "aud": _SERVICE, "sub": USER, "jti": "1", "access": access, **times}
    text = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
    words = ["openssl", "dgst", "-sha256", "-sign", str(certificate.key)]
    signature = subprocess.run(words, input=text.encode(), capture_output=True, check=True).stdout
    return f"{text}.{_base64(signature)}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _free_port() -> int:
    with create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Wait until the port is open; TLS and passwords are not tried."""
    for _ in range(_START_SECONDS * 20):
        if server.poll() is not None:
            pytest.fail("docker-registry ended: " + log.read_text()[-500:])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/"):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail("docker-registry did not start")
