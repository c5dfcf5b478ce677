"""SOURCE_DATE_EPOCH by the name of what tells the time, and what outputs tell of it."""

import io
import tarfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from tests.conformance.bases import BUSYBOX, prepare
from tests.support.program import Program, Ran
from tests.support.repository import Repository
from tests.support.sandbox import reason
from tests.support.server import Server, serving
from tests.support.shared import recorded

from brewhouse.oci.document import ImageConfig, Manifest, read_document

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)

MODIFIED = 1_700_000_000
NEWEST = 1_650_000_000
COPIES = "FROM scratch\nCOPY Dockerfile /\n"
OF_STAGE = "ARG SOURCE_DATE_EPOCH=times\nFROM scratch AS times\n{add}\nFROM scratch\nCOPY Dockerfile /\n"
REWRITTEN = "buildkit/rewritten-timestamp"


def tarball(dockerfile: str) -> bytes:
    """Return a tar whose newest entry is a folder, and whose newest file is of NEWEST."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, seconds in (("Dockerfile", NEWEST - 7), ("newest", NEWEST), ("folder", NEWEST + 9)):
            member = tarfile.TarInfo(name)
            member.mtime = seconds
            member.type = tarfile.DIRTYPE if name == "folder" else tarfile.REGTYPE
            content = dockerfile.encode() if name == "Dockerfile" else b""
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving({"/dated.tar": tarball(COPIES), "/undated.tar": tarball(COPIES), "/undated.txt": b"text"}) as served:
        served.spoil("/undated.tar", "undated")
        served.spoil("/undated.txt", "undated")
        yield served


def created(program: Program, context: str | Path, *options: str, stdin: bytes = b"") -> int:
    """Return when the image that is built says it was made; 0 is what it says without an epoch and a base."""
    ran = program.run("build", "-t", "app", *options, context, stdin=stdin)
    assert ran.status == 0, ran.stderr
    return int(datetime.fromisoformat(stored(program, "app:latest")[1].created).timestamp())


def stored(program: Program, name: str) -> tuple[Manifest, ImageConfig]:
    blobs = program.store / "blobs" / "sha256"
    raw = (blobs / program.digest(name).removeprefix("sha256:")).read_bytes()
    manifest = read_document(raw, Manifest, name).value
    config = (blobs / manifest.config.digest.removeprefix("sha256:")).read_bytes()
    return manifest, read_document(config, ImageConfig, name).value


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(COPIES)
    return folder


# Where the time comes from --------------------------------------------------------------------------------------------

OF_CONTEXT = ("--build-arg", "SOURCE_DATE_EPOCH=context")


@pytest.mark.parametrize(("name", "expected"), [("dated.tar", MODIFIED), ("undated.tar", NEWEST)])
def test_a_tar_behind_a_url_is_as_old_as_the_server_says_or_its_newest_file(
    program: Program, server: Server, name: str, expected: int
) -> None:
    assert created(program, f"{server.url}/{name}", *OF_CONTEXT) == expected


def test_a_tar_on_stdin_is_as_old_as_its_newest_file(program: Program) -> None:
    assert created(program, "-", *OF_CONTEXT, stdin=tarball(COPIES)) == NEWEST


def test_a_repository_is_as_old_as_its_commit(program: Program, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "git")
    repository.commit({"Dockerfile": COPIES})
    expected = int(repository.git("show", "--no-patch", "--format=%ct"))
    assert created(program, repository.url, *OF_CONTEXT) == expected


def test_a_folder_tells_no_time(program: Program, context: Path) -> None:
    assert created(program, context, *OF_CONTEXT) == 0


@pytest.mark.parametrize(("name", "expected"), [("dated.tar", MODIFIED), ("undated.tar", NEWEST), ("undated.txt", 0)])
def test_a_named_context_tells_the_time(
    program: Program, server: Server, context: Path, name: str, expected: int
) -> None:
    (context / "Dockerfile").write_text("ARG SOURCE_DATE_EPOCH=times\n" + COPIES)
    assert created(program, context, "--build-context", f"times={server.url}/{name}") == expected


@pytest.mark.parametrize(("name", "expected"), [("dated.tar", MODIFIED), ("undated.tar", NEWEST)])
def test_a_stage_that_is_one_add_tells_the_time(
    program: Program, server: Server, context: Path, name: str, expected: int
) -> None:
    (context / "Dockerfile").write_text(OF_STAGE.format(add=f"ADD {server.url}/{name} /"))
    assert created(program, context) == expected
    assert created(program, context, "--build-arg", "SOURCE_DATE_EPOCH=5") == 5


def test_a_file_that_is_not_the_expected_one_tells_no_time(program: Program, server: Server, context: Path) -> None:
    add = f"ADD --checksum=sha256:{'0' * 64} {server.url}/dated.tar /"
    (context / "Dockerfile").write_text(OF_STAGE.format(add=add))
    ran = program.run("build", context)
    assert (ran.status, f"not sha256:{'0' * 64}" in ran.stderr) == (2, True)


@pytest.mark.parametrize(
    ("add", "message"),
    [
        ("COPY Dockerfile /", "SOURCE_DATE_EPOCH stage does not meet source-only requirements: unsupported COPY"),
        ("ADD Dockerfile /", "SOURCE_DATE_EPOCH stage source must be a single HTTP(S) or Git ADD"),
        ("ARG A=1", "SOURCE_DATE_EPOCH stage must contain exactly one remote ADD"),
    ],
)
def test_a_stage_that_is_something_else_is_refused(program: Program, context: Path, add: str, message: str) -> None:
    (context / "Dockerfile").write_text(OF_STAGE.format(add=add))
    ran = program.run("build", context)
    assert (ran.status, message in ran.stderr) == (2, True)


# Where the time goes --------------------------------------------------------------------------------------------------


def test_an_argument_of_a_stage_is_the_time_that_was_found(program: Program, server: Server, context: Path) -> None:
    (context / "Dockerfile").write_text(
        "FROM scratch\nARG SOURCE_DATE_EPOCH\nLABEL at=$SOURCE_DATE_EPOCH at2=${SOURCE_DATE_EPOCH:-none}\n"
    )
    times = ("--build-arg", "SOURCE_DATE_EPOCH=times", "--build-context", f"times={server.url}/undated.tar")
    created(program, context, *times)
    assert stored(program, "app:latest")[1].config.labels["at"] == str(NEWEST)
    created(program, context, *OF_CONTEXT)
    assert stored(program, "app:latest")[1].config.labels == {"at": "", "at2": "none"}


def rewritten(program: Program, context: Path, attributes: str, *options: str) -> list[dict[str, str]]:
    ran: Ran = program.run("build", "-t", "app", "-o", f"type=image,{attributes}", *options, context)
    assert ran.status == 0, ran.stderr
    return [dict(layer.annotations) for layer in stored(program, "app:latest")[0].layers]


@pytest.mark.parametrize(
    ("attributes", "epoch", "expected"),
    [
        ("rewrite-timestamp=true", f"{NEWEST}", {REWRITTEN: f"{NEWEST}"}),
        ("rewrite-timestamp=true,compression=zstd,force-compression=true", "0", {REWRITTEN: "0"}),
        ("rewrite-timestamp=true,oci-mediatypes=false", f"{NEWEST}", {}),
        ("rewrite-timestamp=true", "context", {}),
        ("push=false", f"{NEWEST}", {}),
    ],
)
def test_layers_of_the_build_tell_that_their_times_were_rewritten_and_those_of_the_base_do_not(
    program: Program, context: Path, attributes: str, epoch: str, expected: dict[str, str]
) -> None:
    prepare(program.store, recorded("dockerfile/bases/busybox"), debian=False)
    (context / "Dockerfile").write_text(f"FROM {BUSYBOX}\nCOPY Dockerfile /\n")
    found = rewritten(program, context, attributes, "--build-arg", f"SOURCE_DATE_EPOCH={epoch}")
    assert found == [{}, expected]
