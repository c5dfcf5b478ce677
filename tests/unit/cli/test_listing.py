"""Tables, sizes and ages as Docker prints them."""

from datetime import UTC, datetime, timedelta

import pytest

from brewhouse.cli.listing import age, format_rows, format_table
from brewhouse.system.progress.log import human_size

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROWS = [{"Tag": "3.13", "ID": "2f1a"}, {"Tag": "latest", "ID": "99"}]
COLUMNS = {"Tag": "TAG", "ID": "IMAGE ID"}


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "1kB"),
        (1234, "1.23kB"),
        (42_100_000, "42.1MB"),
        (117_400_000, "117MB"),
        (1_019_999_999, "1.02GB"),
        (3 * 10**15, "3PB"),
        (5 * 10**18, "5e+03PB"),
    ],
)
def test_sizes_have_three_digits(size: int, text: str) -> None:
    assert human_size(size) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(milliseconds=500), "Less than a second ago"),
        (timedelta(seconds=1), "1 second ago"),
        (timedelta(seconds=59), "59 seconds ago"),
        (timedelta(seconds=60), "About a minute ago"),
        (timedelta(minutes=45), "45 minutes ago"),
        (timedelta(minutes=61), "About an hour ago"),
        (timedelta(hours=47), "47 hours ago"),
        (timedelta(hours=48), "2 days ago"),
        (timedelta(days=13), "13 days ago"),
        (timedelta(days=14), "2 weeks ago"),
        (timedelta(days=60), "2 months ago"),
        (timedelta(days=365 * 3), "3 years ago"),
    ],
)
def test_ages_are_told_in_dockers_words(ago: timedelta, text: str) -> None:
    assert age((NOW - ago).isoformat(), NOW) == text


@pytest.mark.parametrize("created", ["", "0001-01-01T00:00:00Z", "yesterday"])
def test_an_unknown_time_has_no_age(created: str) -> None:
    assert age(created, NOW) == "N/A"


def test_times_of_gos_nine_digits_are_understood() -> None:
    assert age("2026-11-22T11:59:58.123456789Z", NOW) == "1 second ago"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("table", "TAG      IMAGE ID\n3.13     2f1a\nlatest   99"),
        (
            "json",
            '[\n  {\n    "Tag": "3.13",\n    "ID": "2f1a"\n  },\n  {\n    "Tag": "latest",\n    "ID": "99"\n  }\n]',
        ),
        ("{{.ID}}:{{.Tag}}", "2f1a:3.13\n99:latest"),
        (r"{{.ID}}\t{{.Tag}}", "2f1a\t3.13\n99\tlatest"),
        (r"table {{.ID}}\t{{.Tag}}", "IMAGE ID   TAG\n2f1a       3.13\n99         latest"),
    ],
)
def test_rows_are_printed_in_each_form(form: str, text: str) -> None:
    assert format_rows(ROWS, COLUMNS, form) == text


@pytest.mark.parametrize(("form", "text"), [("table", "TAG   IMAGE ID"), ("json", "[]"), ("{{.ID}}", "")])
def test_nothing_is_printed_as_nothing(form: str, text: str) -> None:
    assert format_rows([], COLUMNS, form) == text


def test_no_line_of_a_table_ends_with_blanks() -> None:
    assert format_table([["a", "b"], ["ccc", ""]]) == "a     b\nccc"


def test_controls_that_an_image_brings_in_are_spelt_out_in_tables() -> None:
    rows = [{"Tag": "\x1b[31mred\tx", "ID": "a\nb"}]
    assert format_rows(rows, COLUMNS, "table") == "TAG             IMAGE ID\n\\x1b[31mred x   a\\nb"
