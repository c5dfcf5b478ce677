"""A wrong command line is one line and a hint, as every error is."""

import click
import pytest

from brewhouse.cli.main import cli
from brewhouse.cli.usage import usage_error


@pytest.mark.parametrize(
    ("line", "message", "path"),
    [
        ("biuld .", "no such command 'biuld' (did you mean build?)", "brewhouse"),
        ("library lsit", "no such command 'lsit' (did you mean list?)", "brewhouse library"),
        ("build --lable a=b .", "no such option '--lable' (did you mean --label?)", "brewhouse build"),
        ("build --quux .", "no such option '--quux'", "brewhouse build"),
        ("build -Z .", "no such option '-Z'", "brewhouse build"),
        ("build --tag", "option '--tag' requires an argument", "brewhouse build"),
        ("build", "missing argument 'PATH|URL|-'", "brewhouse build"),
        ("build -c x .", "invalid value for '-c' / '--cpu-shares': 'x' is not a valid integer", "brewhouse build"),
        ("--nothing", "no such option '--nothing'", "brewhouse"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(line: str, message: str, path: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        cli(line.split(), prog_name="brewhouse", standalone_mode=False)
    error = usage_error(caught.value)
    assert (error.message, error.hint, caught.value.exit_code) == (message, f"see: {path} --help", 2)


@pytest.mark.parametrize("line", ["run", "run --memory", "run --nmae x image", "run --userns=none image"])
def test_run_ends_as_dockers_does_where_its_line_is_wrong(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(line.split(), prog_name="brewhouse", standalone_mode=False) == 125
    assert capsys.readouterr().err.endswith("\n\nhint: see: brewhouse run --help\n")
