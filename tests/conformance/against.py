"""The same Dockerfiles built by Docker with BuildKit and by us: the same tree and the same container config.

Docker is the `docker` command with the daemon that DOCKER_HOST names. Its BuildKit may be older than the reference:
what it cannot build is passed over, and so is what it builds otherwise than the record says; both are told.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from tests.conformance.bases import BUSYBOX, DEBIAN, command, prepare
from tests.conformance.build import unpack_context
from tests.conformance.build_check import busybox, run_case
from tests.conformance.case import Case, find_cases
from tests.conformance.check import Bench, Check, PassedOver
from tests.conformance.picture import differences, saved_pictures

_SECONDS = 300
# The line would have the daemon fetch a frontend; its own is what is wanted.
SYNTAX = re.compile(rb"^(\xef\xbb\xbf)?#\s*syntax\s*=.*$", re.MULTILINE | re.IGNORECASE)


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
        hand_over(name, store, docker)


def hand_over(name: str, store: Path, docker: Docker) -> None:
    """Load an image of our store into Docker's."""
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
    file.write_bytes(SYNTAX.sub(b"", (case.folder / case.dockerfile).read_bytes()))
    options = ["--no-cache", "--network", "host", "-t", tag, "-f", str(file), *case.options]
    theirs, ours = folder / "theirs.tar", folder / "ours.tar"
    built = docker.run("build", *options, str(context))
    if built.returncode:
        raise PassedOver(last_line(built.stderr))
    saved = docker.run("save", "-o", str(theirs), tag)
    docker.run("rmi", tag)
    if saved.returncode:
        raise PassedOver(last_line(saved.stderr))
    for words in (["build", "--allow", "network.host", *options, str(context)], ["save", "-o", str(ours), tag]):
        done = subprocess.run(command(store, *words), capture_output=True, check=False, timeout=_SECONDS)
        if done.returncode:
            yield f"docker builds it, but: {last_line(done.stderr)}"
            return
    volatile = {entry.path for layer in case.expected.layers for entry in layer if entry.volatile}
    (their_image,), (our_image,) = saved_pictures(theirs).values(), saved_pictures(ours).values()
    yield from differences(their_image, our_image, volatile)


def last_line(text: bytes) -> str:
    """Return the last line that says something."""
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"
