"""The same Dockerfiles built by Docker with BuildKit and by us: the same tree and the same container config.

Docker is the `docker` command with the daemon that DOCKER_HOST names. Its BuildKit may be older than the reference:
what it cannot build is passed over, and so is what it builds otherwise than the record says; both are told. Times are
not compared: they are those of two builds.
"""

import hashlib
import os
import posixpath
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from tests.conformance.bases import BUSYBOX, DEBIAN, command, prepare
from tests.conformance.build import unpack_context
from tests.conformance.build_check import busybox, run_case
from tests.conformance.case import Case, find_cases
from tests.conformance.check import Bench, Check, PassedOver

_SECONDS = 300
# What older executors leave of the mount points of a step, and newer ones and we remove again.
_STUBS = frozenset({"dev", "proc", "sys", "etc", "etc/hosts", "etc/resolv.conf", "dev/shm", "dev/pts", "dev/mqueue"})
# The line would have the daemon fetch a frontend; its own is what is wanted.
_SYNTAX = re.compile(rb"^#\s*syntax\s*=.*$", re.MULTILINE | re.IGNORECASE)
# Docker writes the file type into the mode too.
_PERMISSIONS = 0o7777
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"

Node = tuple[object, ...]
Tree = dict[str, Node]


class _Image(msgspec.Struct):
    """A line of manifest.json in what `save` writes."""

    config: str = msgspec.field(name="Config")
    layers: list[str] = msgspec.field(name="Layers")


class _Config(msgspec.Struct):
    config: dict[str, object] = {}
    architecture: str = ""
    os: str = ""
    author: str = ""


class Docker(msgspec.Struct, frozen=True):
    """The words that run Docker's command, and the environment for it."""

    words: tuple[str, ...] = ("docker",)
    environment: Mapping[str, str] = {}

    def run(self, *words: str) -> "subprocess.CompletedProcess[bytes]":
        environment = {**os.environ, **self.environment, "DOCKER_BUILDKIT": "1"}
        return subprocess.run(
            [*self.words, *words], capture_output=True, check=False, timeout=_SECONDS, env=environment
        )


def against_checks(folder: Path, docker: Docker) -> Iterator[Check]:
    """Yield a check for each recorded build that gives one image."""
    for case in find_cases(folder):
        if case.expected.status == "ok":
            yield Check(case.name, partial(_differences, case, docker))


def load_bases(cases_folder: Path, store: Path, docker: Docker) -> None:
    """Put the bases of the cases into our store and into Docker's."""
    cases = find_cases(cases_folder)
    needs_debian = any(DEBIAN in (case.folder / "Dockerfile").read_text(errors="replace") for case in cases)
    if cases:
        prepare(store, busybox(cases[0]), debian=needs_debian)
    for name in (BUSYBOX, *([DEBIAN] if needs_debian else [])):
        with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
            subprocess.run(command(store, "save", "-o", archive.name, name), check=True, timeout=_SECONDS)
            done = docker.run("load", "-i", archive.name)
            if done.returncode:
                raise RuntimeError(f"docker cannot load {name}: {done.stderr.decode()}")


def _differences(case: Case, docker: Docker, bench: Bench) -> list[str]:
    with tempfile.TemporaryDirectory(dir=bench.scratch, ignore_cleanup_errors=True) as folder:
        found = list(_compare(case, docker, bench.store, Path(folder)))
    if found and not run_case(case, bench):
        raise PassedOver(f"the record agrees with us, Docker's BuildKit does not: {found[0]}")
    return found


def _compare(case: Case, docker: Docker, store: Path, folder: Path) -> Iterator[str]:
    context, tag = folder / "context", "against.test/" + case.name.lower()
    unpack_context(case, context)
    file = folder / "Dockerfile"
    file.write_bytes(_SYNTAX.sub(b"", (case.folder / case.dockerfile).read_bytes()))
    options = ["--no-cache", "--network", "host", "-t", tag, "-f", str(file), *case.options]
    theirs, ours = folder / "theirs.tar", folder / "ours.tar"
    built = docker.run("build", *options, str(context))
    if built.returncode:
        raise PassedOver(_last_line(built.stderr))
    saved = docker.run("save", "-o", str(theirs), tag)
    docker.run("rmi", tag)
    if saved.returncode:
        raise PassedOver(_last_line(saved.stderr))
    for words in (["build", "--allow", "network.host", *options, str(context)], ["save", "-o", str(ours), tag]):
        done = subprocess.run(command(store, *words), capture_output=True, check=False, timeout=_SECONDS)
        if done.returncode:
            yield f"docker builds it, but: {_last_line(done.stderr)}"
            return
    volatile = {entry.path for layer in case.expected.layers for entry in layer if entry.volatile}
    yield from compare_archives(theirs, ours, volatile)


def _last_line(text: bytes) -> str:
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"


def compare_archives(theirs: Path, ours: Path, volatile: Sequence[str] | set[str] = ()) -> Iterator[str]:
    """Yield what differs between two images that `save` wrote, Docker's first."""
    (their_config, their_tree), (our_config, our_tree) = _read(theirs), _read(ours)
    for key in sorted({*their_config, *our_config}):
        if their_config.get(key) != our_config.get(key):
            yield f"config {key}: docker {their_config.get(key)!r}, we {our_config.get(key)!r}"
    for path in sorted({*their_tree, *our_tree} - set(volatile)):
        if their_tree.get(path) != our_tree.get(path) and not (path in _STUBS and _is_stub(our_tree.get(path))):
            yield f"{path}: docker {their_tree.get(path)}, we {our_tree.get(path)}"


def _is_stub(node: Node | None) -> bool:
    return node is None or node[0] == "folder"


def _read(archive: Path) -> tuple[dict[str, object], Tree]:
    """Return config and tree of an image, empty values left out."""
    with tarfile.open(archive) as opened:
        (image,) = msgspec.json.decode(_content(opened, "manifest.json"), type=list[_Image])
        config = msgspec.json.decode(_content(opened, image.config), type=_Config)
        tree: Tree = {}
        for name in image.layers:
            with tarfile.open(fileobj=opened.extractfile(_followed(opened, name))) as layer:
                _apply(layer, tree)
    whole = {**config.config, "architecture": config.architecture, "os": config.os, "author": config.author}
    return {key: value for key, value in whole.items() if value}, tree


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    return file.read() if file else b""


def _followed(archive: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    """Return a layer's entry; Docker writes one layer that comes twice as a link."""
    member = archive.getmember(name)
    return (
        archive.getmember(posixpath.normpath(f"{posixpath.dirname(name)}/{member.linkname}"))
        if member.issym()
        else member
    )


def _apply(layer: tarfile.TarFile, tree: Tree) -> None:
    """Change a tree as a layer says; a hard link is what it is linked to."""
    for member in layer:
        path = posixpath.normpath(member.name.lstrip("/"))
        parent, name = posixpath.split(path)
        if name == _OPAQUE:
            _remove(tree, parent, itself=False)
        elif name.startswith(_WHITEOUT):
            _remove(tree, posixpath.join(parent, name.removeprefix(_WHITEOUT)), itself=True)
        elif path != ".":
            if not member.isdir():
                _remove(tree, path, itself=False)
            tree[path] = tree[posixpath.normpath(member.linkname)] if member.islnk() else _node(layer, member)


def _remove(tree: Tree, path: str, *, itself: bool) -> None:
    for known in [known for known in tree if known.startswith(f"{path}/") or (itself and known == path)]:
        del tree[known]


def _node(layer: tarfile.TarFile, member: tarfile.TarInfo) -> Node:
    owner = (member.uid, member.gid)
    if member.isdir():
        return ("folder", oct(member.mode & _PERMISSIONS), *owner)
    if member.issym():
        return ("link", member.linkname, *owner)
    file = layer.extractfile(member) if member.isreg() else None
    content = hashlib.sha256(file.read()).hexdigest()[:12] if file else (member.devmajor, member.devminor)
    return (member.type.decode(), oct(member.mode & _PERMISSIONS), *owner, content)
