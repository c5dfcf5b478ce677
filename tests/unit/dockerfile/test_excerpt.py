import pytest

from brewhouse.dockerfile.excerpt import excerpt
from brewhouse.dockerfile.suggest import did_you_mean

TEXT = "FROM a\nRUN b\n\nCOPY c \\\n  d\nCMD e\nUSER f\nARG g"


def test_the_lines_around_a_fault_are_shown_and_it_is_marked() -> None:
    assert excerpt(TEXT, 2, 2) == (
        "--------------------\n   1 |     FROM a\n   2 | >>> RUN b\n   3 |\n   4 |     COPY c \\\n--------------------"
    )


def test_fewer_lines_are_shown_around_several() -> None:
    assert excerpt(TEXT, 4, 5).split("\n")[1:-1] == [
        "   3 |",
        "   4 | >>> COPY c \\",
        "   5 | >>>   d",
        "   6 |     CMD e",
    ]


@pytest.mark.parametrize(("start", "end"), [(0, 0), (9, 9), (-1, 3)])
def test_nothing_is_shown_of_a_place_outside_the_file(start: int, end: int) -> None:
    assert excerpt(TEXT, start, end) == ""


@pytest.mark.parametrize(
    ("word", "options", "suggestion"),
    [
        ("frum", ["FROM", "ARG"], " (did you mean from?)"),
        ("FRUM", ["FROM", "ARG"], " (did you mean FROM?)"),
        ("COPX", ["COPY", "CMD"], " (did you mean COPY?)"),
        ("EXPOSED", ["EXPOSE"], " (did you mean EXPOSE?)"),
        ("from", ["FROM"], ""),
        ("HEALTH", ["HEALTHCHECK"], ""),
        ("x", [], ""),
    ],
)
def test_the_nearest_of_the_known_words_is_suggested(word: str, options: list[str], suggestion: str) -> None:
    assert did_you_mean(word, options, any_case=True) == suggestion


def test_controls_are_spelt_out_and_tabs_and_letters_stay() -> None:
    lines = excerpt("FROM a\r\n\x1b[31mRUN\tb é \u202e\0\r\n", 2, 2).split("\n")
    assert lines[1:3] == ["   1 |     FROM a", r"   2 | >>> \x1b[31mRUN" + "\tb é " + r"\u202e\x00"]
