"""A small Debian mirror with keys and packages of its own, served on the loopback."""

import hashlib
import lzma
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from tests.support.deb import control_text, file, folder, make_deb
from tests.support.server import Server, serving

RELEASE_DATE = "Sat, 15 Nov 2025 10:00:00 UTC"
RELEASE_EPOCH = 1_763_200_800


class Key(msgspec.Struct, frozen=True):
    """A signing key in a home of its own, and the keyring that apt checks against."""

    home: Path
    keyring: Path

    def clearsign(self, text: str) -> bytes:
        return _gpg(self.home, ["--clearsign", "--digest-algo", "SHA256"], text.encode())


def make_key(home: Path) -> Key:
    """Make a key; skips the test where gpg is not installed."""
    home.mkdir(mode=0o700)
    try:
        _gpg(home, ["--passphrase", "", "--quick-gen-key", "Tests <tests@example.org>", "ed25519", "sign", "never"])
    except FileNotFoundError:
        pytest.skip("gpg is not installed: apt-get install gpg")
    keyring = home / "keyring.gpg"
    keyring.write_bytes(_gpg(home, ["--export"]))
    return Key(home, keyring)


def forget_key(key: Key) -> None:
    """End the agent that gpg has started."""
    subprocess.run(["gpgconf", "--homedir", str(key.home), "--kill", "all"], check=False)


# A system that apt can solve: what is essential or required, apt with a library, and what nobody needs.
PACKAGES: Mapping[str, bytes] = {
    "base-files": make_deb(control_text("base-files", "13", Essential="yes", Priority="required"), [folder("etc")]),
    "libc6": make_deb(control_text("libc6", "2.41-12", Multi_Arch="same"), [folder(""), file("usr/lib/libc.so.6")]),
    "tzdata": make_deb(control_text("tzdata", "2025b-4", Architecture="all", Priority="required", Depends="libc6")),
    "apt": make_deb(control_text("apt", "1:3.0~rc1+b2", Depends="libc6"), [folder(""), file("usr/bin/apt")]),
    "hello": make_deb(control_text("hello", "2.10-5"), [file("usr/bin/hello")]),
}
SECURITY: Mapping[str, bytes] = {
    "libc6": make_deb(control_text("libc6", "2.41-12+deb13u1", Multi_Arch="same"), [file("usr/lib/libc.so.6", b"new")]),
}


class TinyMirror(msgspec.Struct, frozen=True):
    """A running mirror: its URL as for `--mirror`, the server to be spoilt, and the keyring to trust."""

    uri: str
    server: Server
    keyring: Path


@contextmanager
def tiny_mirror(key: Key) -> Iterator[TinyMirror]:
    """Serve suite trixie with updates (empty) and security (one newer package)."""
    files = {
        **_archive("/debian", "trixie", PACKAGES, key),
        **_archive("/debian", "trixie-updates", {}, key),
        **_archive("/debian-security", "trixie-security", SECURITY, key),
    }
    with serving(files) as server:
        yield TinyMirror(f"{server.url}/debian", server, key.keyring)


def _archive(base: str, suite: str, packages: Mapping[str, bytes], key: Key) -> dict[str, bytes]:
    pool = {f"pool/main/{name}/{name}_{len(deb)}_amd64.deb": deb for name, deb in packages.items()}
    index = "".join(_stanza(path, deb) for path, deb in pool.items()).encode()
    indexes = {f"main/binary-amd64/{name}": content for name, content in _compressed("Packages", index).items()}
    lines = "".join(f" {_sha256(content)} {len(content)} {path}\n" for path, content in indexes.items())
    release = (
        f"Origin: Debian\nSuite: {suite}\nCodename: {suite}\nDate: {RELEASE_DATE}\n"
        f"Architectures: amd64\nComponents: main\nSHA256:\n{lines}"
    )
    dists = {f"dists/{suite}/{path}": content for path, content in indexes.items()}
    dists[f"dists/{suite}/InRelease"] = key.clearsign(release)
    return {f"{base}/{path}": content for path, content in {**pool, **dists}.items()}


def _compressed(name: str, content: bytes) -> dict[str, bytes]:
    return {name: content, f"{name}.xz": lzma.compress(content)}


def _stanza(path: str, deb: bytes) -> str:
    control = _control_of(deb)
    return f"{control}Filename: {path}\nSize: {len(deb)}\nSHA256: {_sha256(deb)}\n\n"


def _control_of(deb: bytes) -> str:
    """Return the control paragraph of a package, found by its magic numbers: the tests do not trust our own reader."""
    start = deb.index(b"\xfd7zXZ")
    tar = lzma.LZMADecompressor().decompress(deb[start:])
    size = int(tar[124:135], 8)
    return tar[512 : 512 + size].decode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _gpg(home: Path, words: list[str], stdin: bytes = b"") -> bytes:
    args = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", *words]
    return subprocess.run(args, input=stdin, capture_output=True, check=True).stdout
