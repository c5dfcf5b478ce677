import pytest

from brewhouse.errors import BuildError, DockerfileError


@pytest.mark.parametrize(
    ("text", "line"),
    [("é `a b`", "é `a b`"), ("two\nlines\r", r"two\nlines\r"), ("\x1b[31mred\x00", r"\x1b[31mred\x00")],
)
def test_an_error_of_a_build_is_one_line_whatever_it_quotes(text: str, line: str) -> None:
    assert BuildError(text).message == DockerfileError(text).message == line
    assert DockerfileError(text).problem == text
