"""The live view: steps that run are redrawn on a terminal, with their time and the last lines they printed."""

import shutil
import sys
import threading
import time
from typing import IO

import msgspec

_MOST_STEPS = 6
_PAUSE_SECONDS = 0.1
_BAR_CELLS = 20
_LEAST_BYTES = 100_000
_CLEAR_BELOW = "\x1b[J"
_MARKS = {"done": "✔", "cached": "•", "failed": "✘", "cancelled": "✘", "running": "»"}
_COLOURS = {"done": 32, "cached": 36, "failed": 31, "cancelled": 33, "running": 33, "line": 2}


class Running(msgspec.Struct):
    """A step that runs."""

    name: str
    start: float
    lines: list[str]
    done: int = 0
    total: int = 0


class Live:
    """Draws running steps at the bottom; finished ones scroll away as one line each."""

    def __init__(self, out: IO[str] | None = None, *, lines: int = 4, coloured: bool = True) -> None:
        """Draw on `out`, stderr by default, until `close`, so many last lines of each step."""
        self._out = out or sys.stderr
        self._lines = lines
        self._coloured = coloured
        self._running: dict[int, Running] = {}
        self._drawn = 0
        self._guard = threading.RLock()
        self._closed = threading.Event()
        self._clock = threading.Thread(target=self._tick, daemon=True)
        self._clock.start()

    def started(self, number: int, name: str) -> None:
        """Show a step among the running ones."""
        with self._guard:
            self._running[number] = Running(name, time.monotonic(), [])

    def line(self, number: int, text: str) -> None:
        """Keep the last lines a step printed."""
        with self._guard:
            step = self._running[number]
            step.lines = [*step.lines, text][-self._lines :] if self._lines else []

    def advanced(self, number: int, done: int, total: int) -> None:
        """Keep how far a step is."""
        with self._guard:
            step = self._running[number]
            step.done, step.total = done, total

    def ended(self, number: int, seconds: float, outcome: str) -> None:
        """Replace a running step by one line that stays."""
        with self._guard:
            step = self._running.pop(number)
            took = "cached" if outcome == "cached" else f"{seconds:.1f}s"
            self._erase()
            self._out.write(_row(f"{self._colour(_MARKS[outcome], outcome)} {{}}", step.name, took) + "\n")
            self._draw()

    def close(self) -> None:
        """Erase what is drawn and stop."""
        self._closed.set()
        with self._guard:
            self._erase()
            self._out.flush()

    def _tick(self) -> None:
        while not self._closed.wait(_PAUSE_SECONDS):
            with self._guard:
                if not self._closed.is_set():
                    self._erase()
                    self._draw()

    def _erase(self) -> None:
        if self._drawn:
            self._out.write(f"\x1b[{self._drawn}F{_CLEAR_BELOW}")
            self._drawn = 0

    def _draw(self) -> None:
        rows: list[str] = []
        for step in list(self._running.values())[:_MOST_STEPS]:
            mark = self._colour(_MARKS["running"], "running")
            rows.append(_row(f"{mark} {{}}", step.name, f"{time.monotonic() - step.start:.1f}s"))
            if step.total:
                rows.append("    " + _bar(step.done, step.total))
            rows += [self._colour(_cut("    " + line, _width()), "line") for line in step.lines]
        self._out.write("".join(row + "\n" for row in rows))
        self._out.flush()
        self._drawn = len(rows)

    def _colour(self, text: str, what: str) -> str:
        return f"\x1b[{_COLOURS[what]}m{text}\x1b[0m" if self._coloured else text


def _row(form: str, name: str, time_text: str) -> str:
    """Return mark, name and time, the time at the right edge; `form` takes the name, and has a mark two cells wide."""
    room = max(10, _width() - len(time_text) - 3)
    return form.format(_cut(name, room).ljust(room)) + time_text


def _bar(done: int, total: int) -> str:
    """Return "[#####.....] 12.3 / 24.6 MB", or "44 / 88" for what is too little to be bytes."""
    filled = min(_BAR_CELLS, done * _BAR_CELLS // total)
    amounts = f"{done} / {total}" if total < _LEAST_BYTES else f"{done / 1e6:.1f} / {total / 1e6:.1f} MB"
    return f"[{'#' * filled}{'.' * (_BAR_CELLS - filled)}] {amounts}"


def _cut(text: str, width: int) -> str:
    text = text.replace("\n", " ").replace("\t", " ")
    return text if len(text) <= width else text[: width - 1] + "…"


def _width() -> int:
    return shutil.get_terminal_size().columns - 1
