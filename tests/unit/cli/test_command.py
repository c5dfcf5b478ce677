"""The command line: flags with and without truth values, and short options."""

import click
import pytest

from brewhouse.cli.command import spelt_out
from brewhouse.errors import InputError

_OPTIONS = [
    click.Option(["--pull"], is_flag=True),
    click.Option(["--push"], is_flag=True),
    click.Option(["-q", "--quiet"], is_flag=True),
    click.Option(["-i", "--interactive"], is_flag=True),
    click.Option(["-t", "--tag", "tags"], multiple=True),
    click.Option(["-x"], is_flag=True),
    click.Option(["-H", "--human/--no-human"]),
    click.Option(["--build-arg"], multiple=True),
]
OPTIONS = {name: option for option in _OPTIONS for name in (*option.opts, *option.secondary_opts)}


@pytest.mark.parametrize(
    ("args", "plain"),
    [
        (["--pull", "."], ["--pull", "."]),
        (["--pull=true", "--push=1", "."], ["--pull", "--push", "."]),
        (["--pull=false", "."], ["."]),
        (["--pull", "--pull=f", "."], ["."]),
        (["--pull=false", "--pull", "."], ["--pull", "."]),
        (["-q=false", "."], ["."]),
        (["--build-arg=a=true", "."], ["--build-arg", "a=true", "."]),
        (["--build-arg", "--pull=false"], ["--build-arg", "--pull=false"]),
        (["--", "--pull=false"], ["--", "--pull=false"]),
    ],
)
def test_the_last_truth_value_of_a_flag_counts(args: list[str], plain: list[str]) -> None:
    assert spelt_out(args, OPTIONS, mixed=True) == plain


@pytest.mark.parametrize(
    ("args", "long"),
    [
        (["-q", "-t", "a", "."], ["--quiet", "--tag", "a", "."]),
        (["-qi", "."], ["--quiet", "--interactive", "."]),
        (["-qta:1", "."], ["--quiet", "--tag", "a:1", "."]),
        (["-qt", "-q"], ["--quiet", "--tag", "-q"]),
        (["-t=a:1"], ["--tag", "a:1"]),
        (["-t"], ["--tag"]),
        (["-x", "-H", "-"], ["-x", "--human", "-"]),
        (["-z", "-qz", "--nothing"], ["-z", "-qz", "--nothing"]),
        (["--tag", "-q"], ["--tag", "-q"]),
        (["tag", "/tx", "-"], ["tag", "/tx", "-"]),
    ],
)
def test_short_options_are_spelt_out_and_values_stay_as_they_are(args: list[str], long: list[str]) -> None:
    assert spelt_out(args, OPTIONS, mixed=True) == long


def test_what_follows_the_image_of_run_belongs_to_the_container() -> None:
    assert spelt_out(["-it", "a", "ls", "-q", "--pull=x"], OPTIONS, mixed=False) == [
        *("--interactive", "--tag", "a"),
        *("ls", "-q", "--pull=x"),
    ]


def test_a_flag_that_is_neither_true_nor_false_is_refused() -> None:
    with pytest.raises(InputError, match="`--pull=always` is neither true nor false") as raised:
        spelt_out(["--pull=always", "."], OPTIONS, mixed=True)
    assert raised.value.hint
