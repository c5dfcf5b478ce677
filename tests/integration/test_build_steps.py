"""What a step of a build finds, and what its mounts are and must not be: as BuildKit has it."""

import re
import resource
import subprocess
import time
from pathlib import Path

import pytest
from tests.conformance.bases import BUSYBOX, prepare
from tests.support.program import Program, Ran
from tests.support.sandbox import reason
from tests.support.shared import recorded

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return the program with a store that holds busybox."""
    prepare(tmp_path / "store", recorded("dockerfile/bases/busybox"), debian=False)
    return Program(tmp_path / "store")


def run(program: Program, step: str, *options: str) -> Ran:
    folder = program.store.parent / "context"
    folder.mkdir(exist_ok=True)
    (folder / "file").write_text("1\n")
    text = f"FROM {BUSYBOX}\nRUN {step}\n"
    return program.run("build", "--progress", "plain", *options, "-f", "-", folder, stdin=text.encode())


def printed(ran: Ran) -> list[str]:
    assert ran.status == 0, ran.stderr
    return re.findall(r"^#\d+ \d+\.\d+ (.*)$", ran.stderr, re.MULTILINE)


def test_the_files_by_which_names_are_resolved_are_read_only(program: Program) -> None:
    found = printed(run(program, "cat /etc/hosts; for f in hosts resolv.conf; do (: >> /etc/$f) 2>&1; done; true"))
    assert found[:2] == ["127.0.0.1\tlocalhost buildkitsandbox", "::1\tlocalhost ip6-localhost ip6-loopback"]
    assert [line.rpartition(": ")[2] for line in found[2:]] == ["Read-only file system"] * 2


def test_a_tmpfs_has_the_mode_of_the_folder_that_it_hides(program: Program) -> None:
    found = printed(
        run(
            program,
            "mkdir -m 2750 /d\nRUN --mount=type=tmpfs,target=/d --mount=type=tmpfs,target=/new stat -c %a /d /new",
        )
    )
    assert found == ["2750", "1777"]


@pytest.mark.parametrize(("place", "cwd"), [("/w", "/w"), ("/w", "/w/below")])
def test_a_step_whose_working_folder_is_a_file_says_so(program: Program, place: str, cwd: str) -> None:
    ran = run(program, f"mkdir -p {cwd}\nWORKDIR {cwd}\nRUN cd /; rm -r {place}; touch {place}\nRUN true")
    assert (f"mkdir {cwd}: not a directory" in ran.stderr, str(program.store) in ran.stderr) == (True, False)
    assert ran.status != 0


@pytest.mark.parametrize(
    ("mount", "place", "what"),
    [
        ("source=file,target=/etc", "/etc", "a file on a folder"),
        ("target=/etc/passwd", "/etc/passwd", "a folder on a file"),
        ("type=tmpfs,target=/etc/passwd", "/etc/passwd", "a folder on a file"),
        ("type=cache,target=/etc/hosts", "/etc/hosts", "a folder on a file"),
    ],
)
def test_a_mount_on_something_of_another_kind_fails_the_step(
    program: Program, mount: str, place: str, what: str
) -> None:
    ran = run(program, f"--mount={mount} true")
    message = (
        f'process "/bin/sh -c true" did not complete successfully: exit code: 1: {place}: {what} cannot be mounted'
    )
    assert (ran.status, message in ran.stderr, "   2 | >>> RUN" in ran.stderr) == (1, True, True), ran.stderr
    assert all(f"{program.store}/{folder}" not in ran.stderr for folder in ("tmp", "cache"))


def test_a_secret_that_may_be_missing_is_an_empty_variable_and_no_file(program: Program) -> None:
    assert printed(
        run(program, "--mount=type=secret,id=s,env=S env | grep ^S=; find /run/secrets 2>/dev/null; true")
    ) == ["S="]


@pytest.mark.parametrize(("mode", "shown"), [("1777", "777"), ("4711", "711"), ("0700", "700")])
def test_a_cache_folder_has_the_permissions_of_its_mode(program: Program, mode: str, shown: str) -> None:
    assert printed(run(program, f"--mount=type=cache,target=/c,mode={mode} stat -c %a /c")) == [shown]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("--mount=type=cache,target=/c,source=q true", "open /q: no such file or directory"),
        ("--mount=type=secret,id=s,required true", "secret s: not found"),
        ("--mount=type=ssh,required true", "unset ssh forward key default"),
        ("[]", "arguments are required"),
    ],
)
def test_what_a_mount_lacks_is_told_in_buildkits_words(program: Program, step: str, message: str) -> None:
    ran = run(program, step)
    assert (ran.status, message in ran.stderr) == (2, True), ran.stderr


@pytest.mark.parametrize(("user", "message"), [("nobody:x", "group x: no matching entries in group"), ("x", "user x:")])
def test_a_step_by_nobody_the_image_knows_is_told_with_its_command(program: Program, user: str, message: str) -> None:
    text = f"FROM {BUSYBOX}\nUSER {user}\nRUN true\n"
    ran = program.run("build", "-", stdin=text.encode())
    whole = f'process "/bin/sh -c true" did not complete successfully: unable to find {message}'
    assert (ran.status, whole in ran.stderr, "   3 | >>> RUN true" in ran.stderr) == (2, True, True), ran.stderr


def test_nothing_secret_is_on_a_disk_while_a_step_runs(program: Program, tmp_path: Path) -> None:
    (tmp_path / "hush").write_text("hush-hush")
    mounts = [f"--mount=type={mount}" for mount in ("cache,target=/c", "secret,id=a,required", "secret,id=b,env=B")]
    text = f"FROM {BUSYBOX}\nRUN {' '.join(mounts)} touch /c/ready; sleep 60\n"
    secrets = [f"--secret=id={name},src={tmp_path}/hush" for name in "ab"]
    words = program.words("build", *secrets, "--build-arg", "http_proxy=http://me:hush-hush@proxy", "-")
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin
        process.stdin.write(text.encode())
        process.stdin.close()
        end = time.monotonic() + 60
        while not list(program.store.glob("cache/mounts/*/ready")):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        # What the step sees in memory is mounted for it alone, so that here only the disk is seen.
        kept = [path for path in program.store.rglob("*") if path.is_file() and b"hush-hush" in path.read_bytes()]
        process.terminate()
    assert kept == []


@pytest.mark.parametrize(("options", "blocks"), [([], "0"), (["--ulimit", "core=4096"], "8")])
def test_no_program_leaves_its_memory_in_a_layer(program: Program, options: list[str], blocks: str) -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        assert printed(run(program, "ulimit -c", *options)) == [blocks]
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
