"""Progress of long work: each step's output goes to a log file, and what a person sees depends on the view.

A `Progress` hands out steps; a `Step` takes output, numbers and notes. Views: `quiet` shows nothing, `plain` writes
lines to stderr, `live` (system/progress/live.py) redraws a terminal.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from brewhouse.errors import BuildError

TAIL_LINES = 20
LONGEST_LINE_BYTES = 1 << 16
_OUTCOMES = {"done": "DONE", "cached": "CACHED", "failed": "ERROR", "cancelled": "CANCELED"}
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_KILO = 1000


class View(Protocol):
    """What a person sees of the steps. Calls come from several threads, one at a time."""

    def started(self, number: int, name: str) -> None:
        """Show that a step began."""

    def line(self, number: int, text: str) -> None:
        """Show one line that the step printed."""

    def advanced(self, number: int, done: int, total: int) -> None:
        """Show how many of `total` units (bytes, mostly) are done."""

    def ended(self, number: int, seconds: float, outcome: str) -> None:
        """Show that a step ended; outcome is "done", "cached", "failed" or "cancelled"."""


class Quiet:
    """Shows nothing."""

    def started(self, number: int, name: str) -> None:
        """Show nothing."""

    def line(self, number: int, text: str) -> None:
        """Show nothing."""

    def advanced(self, number: int, done: int, total: int) -> None:
        """Show nothing."""

    def ended(self, number: int, seconds: float, outcome: str) -> None:
        """Show nothing."""


class Plain:
    """Writes lines in BuildKit's plain form: "#3 RUN make", "#3 0.512 gcc ...", "#3 DONE 4.1s"."""

    def __init__(self, out: IO[str] | None = None) -> None:
        """Write to `out`, stderr by default."""
        self._out = out or sys.stderr
        self._start: dict[int, float] = {}

    def started(self, number: int, name: str) -> None:
        """Write the step's name."""
        self._start[number] = time.monotonic()
        self._out.write(f"#{number} {name}\n")
        self._out.flush()

    def line(self, number: int, text: str) -> None:
        """Write a line with the seconds since the step began."""
        self._out.write(f"#{number} {time.monotonic() - self._start[number]:.3f} {text}\n")
        self._out.flush()

    def advanced(self, number: int, done: int, total: int) -> None:
        """Write nothing: numbers that change belong on a terminal."""

    def ended(self, number: int, seconds: float, outcome: str) -> None:
        """Write how the step ended."""
        took = f" {seconds:.1f}s" if outcome == "done" else ""
        self._out.write(f"#{number} {_OUTCOMES[outcome]}{took}\n")
        self._out.flush()


class Step:
    """One step while it runs."""

    def __init__(self, number: int, name: str, log: Path | None, show: "Progress") -> None:
        """Open the log, if there is one."""
        self.number = number
        self.name = name
        self.log = log
        self.outcome = "done"
        self._show = show
        self._file = log.open("wb") if log else None
        self._rest = b""
        self._guard = threading.Lock()

    def output(self, chunk: bytes) -> None:
        """Take bytes that the step's process printed; whole lines are shown, and of endless ones what there is."""
        with self._guard:
            if self._file:
                self._file.write(chunk)
                self._file.flush()
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            while len(self._rest) > LONGEST_LINE_BYTES:
                lines.append(self._rest[:LONGEST_LINE_BYTES])
                self._rest = self._rest[LONGEST_LINE_BYTES:]
        for line in lines:
            self._show.line(self.number, _printable(line))

    def note(self, text: str) -> None:
        """Take a line of our own."""
        self.output(text.encode() + b"\n")

    def advance(self, done: int, total: int) -> None:
        """Say how many of `total` units are done."""
        self._show.show(lambda view: view.advanced(self.number, done, total))

    def cached(self) -> None:
        """Say that nothing had to be done."""
        self.outcome = "cached"

    def close(self) -> None:
        """Show what is left of the last line, and close the log."""
        if self._rest:
            self.output(b"\n")
        if self._file:
            self._file.close()


class Progress:
    """Hands out numbered steps and shows them."""

    def __init__(self, view: View, logs: Path | None = None) -> None:
        """Show steps in `view`; keep a log file for each in the folder `logs`."""
        self._view = view
        self._logs = logs
        self._count = 0
        self._guard = threading.Lock()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Run one step; a BuildError that leaves it without a log gets this step's.

        Of `name`, which may come out of a Dockerfile, controls are not shown: a terminal would obey them.
        """
        name = _without_controls(name)
        with self._guard:
            self._count += 1
            number = self._count
        step = Step(number, name, self._log_file(number), self)
        self.show(lambda view: view.started(number, name))
        start = time.monotonic()
        try:
            yield step
        except BaseException as error:
            step.outcome = "cancelled" if isinstance(error, InterruptedError) else "failed"
            if isinstance(error, BuildError) and error.log is None:
                error.log = step.log
            raise
        finally:
            step.close()
            seconds = time.monotonic() - start
            self.show(lambda view: view.ended(number, seconds, step.outcome))

    def line(self, number: int, text: str) -> None:
        """Pass one line that a step printed to the view."""
        self.show(lambda view: view.line(number, text))

    def show(self, event: Callable[[View], None]) -> None:
        """Pass one event to the view, one at a time."""
        with self._guard:
            event(self._view)

    def _log_file(self, number: int) -> Path | None:
        if self._logs is None:
            return None
        self._logs.mkdir(parents=True, exist_ok=True)
        return self._logs / f"{number:03d}.log"


def tail(log: Path, lines: int = TAIL_LINES) -> list[str]:
    """Return the last lines of a step's log, made printable."""
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - (1 << 16)))
        return [_printable(line) for line in file.read().split(b"\n") if line.strip()][-lines:]


def _printable(line: bytes) -> str:
    """Return a line without what would move the cursor: the last rewrite of a progress line, no control characters."""
    return _without_controls(line.rstrip(b"\r").rsplit(b"\r", 1)[-1].decode("utf-8", "replace"))


def _without_controls(text: str) -> str:
    if text.isprintable():
        return text
    return "\t".join("".join(filter(str.isprintable, part)) for part in text.split("\t"))


def human_size(size_bytes: int) -> str:
    """Return a size with three digits, as Docker does: 1234567 gives "1.23MB".

    Source: HumanSizeWithPrecision of docker/go-units.
    """
    size, unit = float(size_bytes), 0
    while size >= _KILO and unit < len(_UNITS) - 1:
        size, unit = size / _KILO, unit + 1
    return f"{size:.3g}{_UNITS[unit]}"
