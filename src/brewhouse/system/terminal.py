"""A process in the foreground: it has our streams, gets the signals that we get, and leaves the terminal as it was."""

import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from brewhouse.oci.runtime import ConsoleSize
from brewhouse.system.run import shell_status, start

_PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)

# After so many the user has asked nicely: process 1 of a container is deaf to signals that it does not handle.
_PATIENCE = 3

_READ_BYTES = 1 << 16


def attend(words: Sequence[str], *, terminal: bool, interactive: bool) -> int:
    """Return the exit status of a container runtime that runs in the foreground.

    `interactive` lets it read our stdin. With `terminal` the runtime makes a terminal for the container out of the one
    that it has itself: ours, or one made here where it must not read ours or we have none.
    The third SIGINT, SIGTERM or the like kills what does not end by itself.
    """
    if not terminal or (interactive and sys.stdin.isatty()):
        stdin = None if interactive else subprocess.DEVNULL
        with _terminal_kept():
            return _wait(start(words, stdin=stdin))
    return _attend_behind_terminal(words)


def window_size() -> ConsoleSize | None:
    """Return the size of the terminal that one of our streams is, if one is."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if stream.isatty():
            height, width = termios.tcgetwinsize(stream)
            return ConsoleSize(height, width)
    return None


def _wait(process: "subprocess.Popen[bytes]") -> int:
    with _signals_passed_on(process):
        return shell_status(process.wait())


def _attend_behind_terminal(words: Sequence[str]) -> int:
    """Run with a terminal of our making, of which only the output is shown."""
    ours, theirs = os.openpty()
    _copy_size(ours)
    try:
        process = start(words, stdin=theirs, output=theirs)
    finally:
        os.close(theirs)
    with _signals_passed_on(process, terminal=ours), os.fdopen(ours, "rb", buffering=0) as shown:
        while chunk := _read(shown.fileno()):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        return shell_status(process.wait())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, _READ_BYTES)
    except OSError:
        # EIO is how a terminal says that nobody holds its other end any more.
        return b""


@contextmanager
def _signals_passed_on(process: "subprocess.Popen[bytes]", terminal: int | None = None) -> Iterator[None]:
    """Send the process the signals that we get during the block; `terminal` follows the size of ours."""
    count = 0

    def pass_on(number: int, _frame: object) -> None:
        nonlocal count
        count += 1
        process.send_signal(number if count < _PATIENCE else signal.SIGKILL)

    def resize(number: int, _frame: object) -> None:
        if terminal is not None:
            _copy_size(terminal)
        process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    before[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, resize)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Set the terminal back to how it was, also where the runtime that made it raw was killed."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _copy_size(terminal: int) -> None:
    size = window_size()
    if size:
        termios.tcsetwinsize(terminal, (size.height, size.width))
