"""What the live view shows of steps."""

import io
import re

import pytest

from brewhouse.system.progress.live import Live


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    monkeypatch.setenv("COLUMNS", "60")
    return io.StringIO()


def last_frame(terminal: io.StringIO) -> str:
    return terminal.getvalue().rsplit("\x1b[J", 1)[-1]


def test_a_finished_step_stays_as_one_line_with_its_seconds(terminal: io.StringIO) -> None:
    view = Live(terminal)
    view.started(1, "make")
    view.line(1, "gcc -c a.c")
    view.ended(1, 2.5, "done")
    view.close()
    [row] = last_frame(terminal).splitlines()
    assert "make" in row
    assert row.endswith("2.5s")
    assert "gcc" not in row


def test_a_step_from_the_cache_is_called_so(terminal: io.StringIO) -> None:
    view = Live(terminal)
    view.started(1, "make")
    view.ended(1, 0.0, "cached")
    view.close()
    assert last_frame(terminal).strip().endswith("cached")


def test_a_running_step_shows_its_last_lines_and_how_far_it_is(terminal: io.StringIO) -> None:
    view = Live(terminal)
    view.started(1, "fetch")
    for number in range(9):
        view.line(1, f"line {number}")
    view.advanced(1, 12_300_000, 24_600_000)
    view.started(2, "other")
    view.ended(2, 0.1, "done")
    frame = last_frame(terminal)
    view.close()
    assert "line 8" in frame
    assert "line 4" not in frame
    assert "[##########..........] 12.3 / 24.6 MB" in frame


def test_small_totals_are_counts(terminal: io.StringIO) -> None:
    view = Live(terminal)
    view.started(1, "unpack")
    view.advanced(1, 44, 88)
    view.started(2, "other")
    view.ended(2, 0.1, "done")
    frame = last_frame(terminal)
    view.close()
    assert "44 / 88" in frame


def test_long_names_are_cut_to_the_width_of_the_terminal(terminal: io.StringIO) -> None:
    view = Live(terminal)
    view.started(1, "x" * 500)
    view.ended(1, 0.1, "done")
    view.close()
    assert "…" in last_frame(terminal)
    assert len(last_frame(terminal).splitlines()[0]) < 80


def test_without_colour_only_the_cursor_is_moved(terminal: io.StringIO) -> None:
    view = Live(terminal, lines=1, coloured=False)
    view.started(1, "make")
    for text in ("one", "two"):
        view.line(1, text)
    view.started(2, "other")
    view.ended(2, 0.1, "failed")
    frame = last_frame(terminal)
    view.close()
    assert ("one" in frame, "two" in frame, "✘ other" in terminal.getvalue()) == (False, True, True)
    assert re.search("\x1b\\[[0-9]+m", terminal.getvalue()) is None
