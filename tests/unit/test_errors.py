import pytest

from brewhouse.errors import BrewError, DockerfileError


@pytest.mark.parametrize(
    ("text", "line"),
    [("é `a b`", "é `a b`"), ("two\nlines\r", r"two\nlines\r"), ("\x1b[31mred\x00", r"\x1b[31mred\x00")],
)
def test_an_error_is_one_line_whatever_it_quotes(text: str, line: str) -> None:
    assert BrewError(text).message == str(BrewError(text)) == line
    assert DockerfileError(text).problem == text
