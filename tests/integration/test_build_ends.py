"""Builds that end before their steps do."""

import signal
import subprocess
from pathlib import Path

import pytest
from tests.conformance.bases import BUSYBOX
from tests.support.program import Program
from tests.support.sandbox import reason
from tests.support.store import check_store

pytestmark = [pytest.mark.skipif(bool(reason), reason=reason), pytest.mark.usefixtures("busybox")]

# Far shorter than the steps, which a build must not wait for.
LONGEST_SECONDS = 120
STEP_SECONDS = 3600
SLEEP = f"RUN (sleep {STEP_SECONDS} & echo begun; sleep {STEP_SECONDS})\n"
STAGES = f"""\
FROM {BUSYBOX} AS one
{SLEEP}
FROM {BUSYBOX} AS two
RUN_TWO
FROM scratch
COPY --from=one / /one
COPY --from=two / /two
"""


def begin(program: Program, dockerfile: str, folder: Path) -> "subprocess.Popen[bytes]":
    (folder / "Dockerfile").write_text(dockerfile)
    words = program.words("--progress", "plain", "build", "-f", folder / "Dockerfile", folder)
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def wait_for(process: "subprocess.Popen[bytes]", text: bytes, count: int) -> bytes:
    """Return what was printed until `text` came so often."""
    assert process.stderr
    printed = b""
    while printed.count(text) < count:
        line = process.stderr.readline()
        assert line, printed.decode()
        printed += line
    return printed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_build_that_is_told_to_end_waits_for_no_step(program: Program, context: Path, number: signal.Signals) -> None:
    with begin(program, STAGES.replace("RUN_TWO", SLEEP), context) as process:
        wait_for(process, b" begun\n", 2)
        process.send_signal(number)
        assert process.wait(LONGEST_SECONDS) == 128 + number
        assert b"error" not in process.communicate()[1]
    check_store(program.store)
    assert list((program.store / "tmp").iterdir()) == []


def test_a_step_that_fails_ends_those_that_run_beside_it(program: Program, context: Path) -> None:
    shared = "RUN --mount=type=cache,target=/shared "
    waits = shared + "until [ -e /shared/begun ]; do :; done; exit 7"
    dockerfile = STAGES.replace(SLEEP, SLEEP.replace("RUN ", shared + "touch /shared/begun; ")).replace(
        "RUN_TWO", waits
    )
    with begin(program, dockerfile, context) as process:
        printed = process.communicate(timeout=LONGEST_SECONDS)[1].decode()
    assert process.returncode == 1
    assert "did not complete successfully: exit code: 7" in printed
    assert printed.count(" CANCELED\n") == 1
    assert printed.count("\nerror: ") == 1
    assert list((program.store / "tmp").iterdir()) == []
