"""Processes start here and nowhere else: a list of words, the whole environment, a bound on time."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from brewhouse.errors import BrewError, HostError

# What our own tools get; nothing of the user's environment reaches them unless it is named.
TOOL_ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}

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
) -> int:
    """Return the exit status of a process whose output, both streams as one, goes to `output` as it comes.

    The process is killed when the caller is interrupted or the time is over.
    """
    process = start(args, environment=environment, cwd=cwd, output=subprocess.PIPE)
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        process.kill()

    timer = threading.Timer(timeout_seconds, expire)
    timer.start()
    feeder = threading.Thread(target=_feed, args=(process, stdin), daemon=True)
    feeder.start()
    try:
        stdout = process.stdout
        assert stdout is not None  # noqa: S101 - output=PIPE gives one
        while chunk := os.read(stdout.fileno(), _READ_BYTES):
            output(chunk)
        status = process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
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


def shell_status(returncode: int) -> int:
    """Return what a shell calls `returncode`: a process ended by signal N has 128 + N."""
    return returncode if returncode >= 0 else 128 - returncode


def signal_name(status: int) -> str:
    """Return the name of the signal that a shell status above 128 tells of, or an empty string."""
    try:
        return signal.Signals(status - 128).name if status > 128 else ""  # noqa: PLR2004 - shell convention
    except ValueError:
        return ""


def is_installed(program: str) -> bool:
    """Tell whether our tools' PATH has the program."""
    return any(os.access(f"{folder}/{program}", os.X_OK) for folder in TOOL_ENVIRONMENT["PATH"].split(":"))


_PACKAGES = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "newuidmap": "uidmap",
    "newgidmap": "uidmap",
    "gpgv": "gpgv",
    "ssh-agent": "openssh-client",
    "ssh-add": "openssh-client",
}


def missing_program(program: str) -> HostError:
    """Return the error for a program that is not on PATH, with the Debian package that brings it."""
    name = Path(program).name
    return HostError(f"`{name}` is not installed", hint=f"install it: apt-get install {_PACKAGES.get(name, name)}")


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
