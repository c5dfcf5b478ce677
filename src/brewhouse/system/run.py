"""Processes start here and nowhere else: a list of words, the whole environment, a bound on time."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path

import msgspec

from brewhouse.errors import BrewError
from brewhouse.system.executor import Halt
from brewhouse.system.program import TOOL_ENVIRONMENT, missing_program, shell_status

_READ_BYTES = 1 << 16


class Completed(msgspec.Struct, frozen=True):
    """A process that ended: exit status (128 + N after signal N, as a shell says it) and what it printed."""

    status: int
    stdout: bytes = b""
    stderr: bytes = b""


def run(
    args: Sequence[str | Path],
    *,
    environment: Mapping[str, str] = TOOL_ENVIRONMENT,
    cwd: Path | None = None,
    stdin: bytes = b"",
    timeout_seconds: float = 600,
) -> Completed:
    """Return the finished process with all it printed, whatever its exit status.

    Raises HostError where the program is not installed, BrewError when the time is over.
    """
    try:
        done = subprocess.run(
            [str(word) for word in args],
            env=dict(environment),
            cwd=cwd,
            input=stdin,
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise missing_program(str(args[0])) from error
    except subprocess.TimeoutExpired as error:
        raise BrewError(f"`{args[0]}` did not end within {timeout_seconds:g} s") from error
    return Completed(shell_status(done.returncode), done.stdout, done.stderr)


def stream(
    args: Sequence[str | Path],
    output: Callable[[bytes], None],
    *,
    environment: Mapping[str, str] = TOOL_ENVIRONMENT,
    cwd: Path | None = None,
    stdin: bytes = b"",
    timeout_seconds: float = 6 * 3600,
    halt: Halt | None = None,
) -> int:
    """Return the exit status of a process whose output, both streams as one, goes to `output` as it comes.

    It is killed with all that it started when the caller is interrupted or the time is over; when `halt` ends it,
    InterruptedError is raised.
    """
    process = start(args, environment=environment, cwd=cwd, output=subprocess.PIPE)
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        _kill(process)

    timer = threading.Timer(timeout_seconds, expire)
    timer.start()
    if stdin:
        threading.Thread(target=_feed, args=(process, stdin), daemon=True).start()
    else:
        _feed(process, stdin)
    try:
        stdout = process.stdout
        assert stdout is not None  # noqa: S101 - output=PIPE gives one
        with halt.over(partial(_kill, process)) if halt else nullcontext():
            while chunk := os.read(stdout.fileno(), _READ_BYTES):
                output(chunk)
            status = process.wait()
    finally:
        timer.cancel()
        timer.join()
        if process.poll() is None:
            _kill(process)
            process.wait()
    if halt and halt.is_over:
        raise InterruptedError
    if expired.is_set():
        raise BrewError(f"`{args[0]}` did not end within {timeout_seconds:g} s")
    return shell_status(status)


def start(
    args: Sequence[str | Path],
    *,
    environment: Mapping[str, str] = TOOL_ENVIRONMENT,
    cwd: Path | None = None,
    output: int | None = None,
    stdin: int | None = subprocess.PIPE,
    own_session: bool = False,
) -> "subprocess.Popen[bytes]":
    """Return a started process; `output` is a file descriptor, subprocess.PIPE, or None for our own streams.

    In a session of its own it gets no signals from our terminal.
    """
    try:
        return subprocess.Popen(
            [str(word) for word in args],
            env=dict(environment),
            cwd=cwd,
            start_new_session=own_session,
            stdin=stdin,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
        )
    except FileNotFoundError as error:
        raise missing_program(str(args[0])) from error


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and all that it started: the runtime of a container alone would leave that behind."""
    if process.poll() is not None:
        return  # its number may be another process' by now
    for number in _descendants(process.pid):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    process.kill()


def _descendants(number: int) -> list[int]:
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{number}/task").iterdir():
            found += map(int, (task / "children").read_text(encoding="ascii").split())
    return [*found, *(lower for child in found for lower in _descendants(child))]


def _feed(process: "subprocess.Popen[bytes]", stdin: bytes) -> None:
    """Write `stdin` to the process and close; a process that does not read it is no fault."""
    pipe = process.stdin
    if pipe is None:
        return
    try:
        pipe.write(stdin)
        pipe.close()
    except BrokenPipeError:
        pass
