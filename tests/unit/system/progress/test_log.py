"""Steps, their logs, and what the plain view shows."""

import io
from pathlib import Path

import pytest

from brewhouse.errors import BuildError
from brewhouse.system.progress.log import LONGEST_LINE_BYTES, Plain, Progress, Quiet, tail


def test_plain_lines_carry_the_number_of_their_step() -> None:
    out = io.StringIO()
    with Progress(Plain(out)).step("RUN make") as step:
        step.output(b"one\ntwo")
        step.output(b" halves\n")
    lines = out.getvalue().splitlines()
    assert lines[0] == "#1 RUN make"
    assert [line.split(" ", 2)[2] for line in lines[1:3]] == ["one", "two halves"]
    assert lines[3].startswith("#1 DONE ")


def test_a_cached_step_says_so() -> None:
    out = io.StringIO()
    with Progress(Plain(out)).step("RUN make") as step:
        step.cached()
    assert out.getvalue().splitlines()[-1] == "#1 CACHED"


def test_control_characters_of_a_program_do_not_reach_the_terminal() -> None:
    out = io.StringIO()
    with Progress(Plain(out)).step("RUN pip") as step:
        step.output(b"10%\r50%\r\x1b[31m100%\x1b[0m\n")
    line = out.getvalue().splitlines()[1]
    assert line.endswith("[31m100%[0m")
    assert "\x1b" not in out.getvalue()


def test_control_characters_of_a_name_do_not_reach_the_terminal() -> None:
    out = io.StringIO()
    with Progress(Plain(out)).step("RUN echo \x1b]0;title\a\tx"):
        pass
    assert out.getvalue().startswith("#1 RUN echo ]0;title\tx\n")


def test_a_line_without_end_is_shown_in_pieces() -> None:
    out = io.StringIO()
    with Progress(Plain(out)).step("RUN cat /dev/zero") as step:
        for _ in range(4):
            step.output(b"x" * LONGEST_LINE_BYTES)
        shown = out.getvalue()
    assert shown.count("x") == 3 * LONGEST_LINE_BYTES
    assert out.getvalue().count("x") == 4 * LONGEST_LINE_BYTES


def test_a_failed_build_step_names_its_log_which_holds_all_output(tmp_path: Path) -> None:
    progress = Progress(Quiet(), tmp_path / "logs")

    def fail() -> None:
        with progress.step("RUN false") as step:
            step.output(b"before it failed\n" * 100)
            raise BuildError("it failed")

    with pytest.raises(BuildError) as caught:
        fail()
    assert caught.value.log
    assert caught.value.log.read_bytes() == b"before it failed\n" * 100
    assert tail(caught.value.log, 3) == ["before it failed"] * 3
