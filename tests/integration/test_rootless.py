"""What an ordinary user does: namespaces with sub-ids, and the images that root makes too."""

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.bases import BUSYBOX, prepare
from tests.support.program import Program
from tests.support.sandbox import reason
from tests.support.shared import recorded
from tests.support.user import USER_ID, OrdinaryProgram

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)

DOCKERFILE = f"""\
FROM {BUSYBOX} AS made
RUN adduser -D -u 1000 app; mkdir /srv && touch /srv/old && chown -R 33:44 /srv && chmod 2775 /srv
COPY --chown=1000:50 --chmod=u=rwX,go=rX src /srv/app/
USER 1000
WORKDIR /srv/work
RUN echo hello > mine && mkdir deep && chmod 1777 deep
USER 0
RUN rm -r /srv/app/sub && mkfifo /srv/pipe && ln /srv/old /srv/hard
FROM {BUSYBOX}
COPY --from=made --link /srv /srv
ADD files.tar.gz /unpacked/
RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t touch /c/x /t/y /left && ls -ln /srv > /listed
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder below which others may read; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(prefix="brewhouse-user-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def ordinary(folder: Path) -> OrdinaryProgram:
    program = OrdinaryProgram(folder / "user")
    prepare(program.store, recorded("dockerfile/bases/busybox"), debian=False)
    program.give(program.home)
    return program


@pytest.fixture
def context(folder: Path) -> Path:
    made = folder / "context"
    (made / "src" / "sub").mkdir(parents=True)
    (made / "src" / "main.py").write_text("print(1)\n")
    (made / "src" / "sub" / "other.py").write_text("print(2)\n")
    (made / "Dockerfile").write_text(DOCKERFILE)
    subprocess.run(["tar", "-C", made, "--owner=7:7", "-czf", made / "files.tar.gz", "src"], check=True)
    for path in (made, *made.rglob("*")):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return made


def test_an_ordinary_user_and_root_build_the_same_image(ordinary: OrdinaryProgram, context: Path, folder: Path) -> None:
    root = Program(folder / "store")
    prepare(root.store, recorded("dockerfile/bases/busybox"), debian=False)
    for program in (root, ordinary):
        program.do("build", "-t", "both", context)
    assert ordinary.digest("both:latest") == root.digest("both:latest")


def test_an_ordinary_user_is_root_inside_and_owns_what_it_writes(ordinary: OrdinaryProgram) -> None:
    work = ordinary.home / "work"
    work.mkdir()
    ordinary.give(work)
    script = "id -u; touch /w/mine /other; chown 33:33 /other; stat -c %u /other"
    assert ordinary.do("run", "--rm", "-v", f"{work}:/w", BUSYBOX, "sh", "-c", script) == "0\n33\n"
    assert (work / "mine").stat().st_uid == USER_ID


def test_a_container_of_an_ordinary_user_cannot_reach_what_belongs_to_root(
    ordinary: OrdinaryProgram, folder: Path
) -> None:
    secret = folder / "secret"
    secret.write_text("root's\n")
    secret.chmod(0o600)
    ran = ordinary.run("run", "--rm", "-v", f"{folder}:/w", BUSYBOX, "cat", "/w/secret")
    assert (ran.status, ran.stdout) == (1, "")
    assert "Permission denied" in ran.stderr


def test_what_an_ordinary_user_left_is_removed_by_it(ordinary: OrdinaryProgram, context: Path) -> None:
    ordinary.do("build", "-t", "both", context)
    ordinary.do("rmi", "both")
    ordinary.do("prune")
    assert not list((ordinary.store / "tmp").iterdir())
    held = [path.name for path in (ordinary.store / "snapshots").iterdir()]
    assert len(held) <= 1, held


def test_a_device_of_an_archive_is_refused_by_name_where_only_root_could_make_it(
    ordinary: OrdinaryProgram, context: Path
) -> None:
    with tarfile.open(context / "zero.tar", "w") as archive:
        zero = tarfile.TarInfo("zero")
        zero.type, zero.devmajor, zero.devminor = tarfile.CHRTYPE, 1, 5
        archive.addfile(zero)
    (context / "Dockerfile").write_text("FROM scratch\nADD zero.tar /\n")
    ran = ordinary.run("build", context)
    assert (ran.status, "zero.tar: `zero` operation not permitted" in ran.stderr) == (2, True), ran.stderr


def test_limits_of_steps_are_for_root_who_may_make_control_groups(ordinary: OrdinaryProgram) -> None:
    ran = ordinary.run("build", "--memory", "64m", "-", stdin=f"FROM {BUSYBOX}\nRUN true\n".encode())
    assert (ran.status, "control group" in ran.stderr, "hint: run as root" in ran.stderr) == (2, True, True), ran.stderr
