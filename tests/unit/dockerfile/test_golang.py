import re

import pytest

from brewhouse.dockerfile.golang import (
    check_url,
    parse_bool,
    parse_csv,
    parse_duration,
    parse_size,
    parse_uint32,
    quote,
)
from brewhouse.errors import DockerfileError

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("a b", '"a b"'),
        ('"\\', r'"\"\\"'),
        ("\n\t\x00\x7f", r'"\n\t\x00\x7f"'),
        ("é日", '"é日"'),
        ("\u200b\U000e0001", r'"\u200b\U000e0001"'),
    ],
)
def test_text_is_quoted_as_in_go(text: str, quoted: str) -> None:
    assert quote(text) == quoted


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("30s", 30 * SECOND),
        ("1h2m3s", 3723 * SECOND),
        ("1.5h", 5400 * SECOND),
        (".5s", SECOND // 2),
        ("1.s", SECOND),
        ("300ms", 300_000_000),
        ("1us1µs1μs1ns", 3001),
        ("-1m", -60 * SECOND),
        ("+1s", SECOND),
        ("0", 0),
        ("-0", 0),
    ],
)
def test_a_duration_is_read_as_in_go(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "30", "s", ".s", "1 s", "1S", "1d", "--1s", "1s ", "300000h" * 100, "٣s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(DockerfileError, match=r"^time: (invalid|missing unit in|unknown unit .* in) duration "):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("1024", 1024),
        ("32kb", 32 * 1024),
        ("1.5 GiB", 3 << 29),
        ("64m", 64 << 20),
        ("1t", 1 << 40),
        ("2B", 2),
    ],
)
def test_a_size_counts_in_powers_of_1024(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "k", "-1", "1x", "1 0", "1e300p", "9999999999t"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(DockerfileError, match="invalid size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "fields"),
    [("a", ["a"]), ("", [""]), ("a,b=c,", ["a", "b=c", ""]), ('"a,b",c', ["a,b", "c"]), ('"a""b"', ['a"b'])],
)
def test_fields_are_split_at_commas_outside_quotes(text: str, fields: list[str]) -> None:
    assert parse_csv(text) == fields


@pytest.mark.parametrize("text", ['a"b', '"a', '"a"b', 'a,b"'])
def test_quotes_in_the_wrong_place_are_refused(text: str) -> None:
    with pytest.raises(DockerfileError, match="failed to parse csv"):
        parse_csv(text)


def test_numbers_of_32_bits_are_read_in_their_base() -> None:
    assert parse_uint32("0400", 8) == 0o400
    assert parse_uint32("4294967295", 10) == 2**32 - 1


@pytest.mark.parametrize(
    ("text", "base"), [("", 10), ("-1", 10), ("+1", 10), ("8", 8), ("4294967296", 10), ("1" * 5000, 8)]
)
def test_other_numbers_are_refused(text: str, base: int) -> None:
    with pytest.raises(DockerfileError, match="number"):
        parse_uint32(text, base)


def test_truth_has_the_spellings_of_go() -> None:
    assert [parse_bool(text) for text in ("1", "t", "TRUE", "0", "f", "False")] == [True] * 3 + [False] * 3
    with pytest.raises(DockerfileError, match="invalid boolean: yes"):
        parse_bool("yes")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://h/%zz", 'invalid URL escape "%zz"'),
        ("http://h/a%2", 'invalid URL escape "%2"'),
        ("http://[::1/x", "missing ']' in host"),
        ("http://h:a1/x", 'invalid port ":a1" after host'),
        ("http://a b/x", 'invalid character " " in host name'),
        ("http://h/a\x01", "invalid control character in URL"),
        ("http://", "no Host in request URL"),
    ],
)
def test_a_url_that_go_does_not_take_is_refused_in_its_words(url: str, problem: str) -> None:
    with pytest.raises(DockerfileError, match=f"^parse .*: .*{re.escape(problem)}$"):
        check_url(url)


@pytest.mark.parametrize(
    "url", ["http://h", "https://u:p@h:443/a%20b/c|d?q=%zz#f", "http://[::1]:80/x", "http://[::1]/x", "http://h:/x"]
)
def test_a_url_that_go_takes_is_taken(url: str) -> None:
    check_url(url)
