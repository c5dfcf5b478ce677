"""Flags with and without truth values."""

import pytest

from brewhouse.cli.flags import plain_flags
from brewhouse.errors import InputError

FLAGS = frozenset({"--pull", "--push"})


@pytest.mark.parametrize(
    ("args", "plain"),
    [
        (["--pull", "."], ["--pull", "."]),
        (["--pull=true", "--push=1", "."], ["--pull", "--push", "."]),
        (["--pull=false", "."], ["."]),
        (["--pull", "--pull=f", "."], ["."]),
        (["--pull=false", "--pull", "."], ["--pull", "."]),
        (["--build-arg=a=true", "."], ["--build-arg=a=true", "."]),
        (["--", "--pull=false"], ["--", "--pull=false"]),
    ],
)
def test_the_last_truth_value_of_a_flag_counts(args: list[str], plain: list[str]) -> None:
    assert plain_flags(args, FLAGS) == plain


def test_a_flag_that_is_neither_true_nor_false_is_refused() -> None:
    with pytest.raises(InputError, match="`--pull=always` is neither true nor false") as raised:
        plain_flags(["--pull=always", "."], FLAGS)
    assert raised.value.hint
