"""A container in the foreground: it has our streams, gets our signals, and leaves the terminal as it was."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from brewhouse.oci.runtime import ConsoleSize
from brewhouse.system.program import shell_status
from brewhouse.system.run import start

if TYPE_CHECKING:
    import socket

_PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)

# After so many the user has asked nicely: process 1 of a container is deaf to signals that it does not handle.
_PATIENCE = 3
_GRACE_SECONDS = 10

_READ_BYTES = 1 << 16
_POLL_SECONDS = 0.05


def attend(words: Sequence[str], *, interactive: bool) -> int:
    """Return the exit status of a container runtime that has our streams; stdin only if `interactive`.

    The third SIGINT, SIGTERM or the like kills what does not end by itself.
    """
    with ExitStack() as until_end:
        with _signals_held():
            process = start(words, stdin=None if interactive else subprocess.DEVNULL, own_session=True)
            until_end.enter_context(_signals_passed_on(process))
        until_end.enter_context(_terminal_kept())
        return shell_status(process.wait())


def attend_terminal(words: Sequence[str], *, interactive: bool) -> int:
    """Return the exit status of a container that has a terminal of its own, shown on ours.

    `words` end with the container's name; `--console-socket` is put before it, over which the runtime hands out the
    terminal. It has the size of ours, and follows it; keys go there one by one if `interactive`, Ctrl-C among them.
    """
    import socket
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="brewhouse-") as folder, socket.socket(socket.AF_UNIX) as listener:
        address = Path(folder) / "console"
        listener.bind(str(address))
        listener.listen(1)
        listening = [*words[:-1], "--console-socket", str(address), words[-1]]
        with _signals_held():
            process = start(listening, stdin=subprocess.DEVNULL, own_session=True)
        console = _receive_console(listener, process)
    if console is None:
        return shell_status(process.wait())
    with _signals_passed_on(process, lambda: _copy_size(console)), _terminal_kept():
        _copy_size(console)
        if interactive and sys.stdin.isatty():
            import tty

            tty.setraw(sys.stdin)
        try:
            _relay(console, sys.stdin.fileno() if interactive else None)
        finally:
            os.close(console)
        return shell_status(process.wait())


def window_size() -> ConsoleSize | None:
    """Return the size of the terminal that one of our streams is, if one is."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if stream.isatty():
            import termios

            height, width = termios.tcgetwinsize(stream)
            return ConsoleSize(height, width)
    return None


def _receive_console(listener: "socket.socket", process: "subprocess.Popen[bytes]") -> int | None:
    """Return the container's terminal, or None where the runtime ended before it made one."""
    import socket

    while not select.select([listener], [], [], _POLL_SECONDS)[0]:
        if process.poll() is not None:
            return None
    connection, _ = listener.accept()
    with connection:
        _, numbers, _, _ = socket.recv_fds(connection, _READ_BYTES, 1)
    return numbers[0] if numbers else None


def _relay(console: int, keys: int | None) -> None:
    """Show what the container writes, and send it what is typed, until one of the two terminals is closed."""
    while True:
        ready, _, _ = select.select([console] if keys is None else [console, keys], [], [])
        if console in ready:
            shown = _read(console)
            if not shown or not _write(sys.stdout.fileno(), shown):
                return
        if keys in ready and keys is not None:
            typed = _read(keys)
            if not typed:
                return
            _write(console, typed)


def _read(number: int) -> bytes:
    try:
        return os.read(number, _READ_BYTES)
    except OSError:
        # EIO is how a terminal says that nobody holds its other end any more.
        return b""


def _write(number: int, content: bytes) -> bool:
    """Write all of `content`; tell whether there was anybody to read it."""
    try:
        while content:
            content = content[os.write(number, content) :]
    except OSError:
        return False
    return True


@contextmanager
def _signals_held() -> Iterator[None]:
    """Hold signals back during the block, also from the runtime that it starts.

    They would end a runtime that has begun the command but is not yet listening for them. It lets them through again,
    to the command too.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _signals_passed_on(process: "subprocess.Popen[bytes]", resize: Callable[[], None] | None = None) -> Iterator[None]:
    """Send the process the signals that we get during the block, but for the window's: `resize` is for that.

    Where our terminal is gone nobody can insist any more, so what does not heed SIGHUP is killed after a while.
    """
    count = 0

    def pass_on(number: int, _frame: object) -> None:
        nonlocal count
        count += 1
        process.send_signal(number if count < _PATIENCE else signal.SIGKILL)
        if number == signal.SIGHUP:
            signal.alarm(_GRACE_SECONDS)

    def give_up(_number: int, _frame: object) -> None:
        process.kill()

    def follow(number: int, _frame: object) -> None:
        if resize:
            resize()
        else:
            process.send_signal(number)

    # What nohup and the like have us ignore stays ignored.
    heeded = [number for number in _PASSED_ON if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, pass_on) for number in heeded}
    before[signal.SIGALRM] = signal.signal(signal.SIGALRM, give_up)
    before[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, follow)
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Set our terminal back to how it was, in whatever way the block is left."""
    if not sys.stdin.isatty():
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        # A terminal that was closed meanwhile needs nothing.
        with suppress(termios.error):
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _copy_size(console: int) -> None:
    size = window_size()
    if size:
        import termios

        termios.tcsetwinsize(console, (size.height, size.width))
