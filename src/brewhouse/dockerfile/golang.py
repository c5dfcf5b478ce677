"""What Go's standard library decides and Dockerfiles have come to depend on: blanks, quoting, numbers, durations.

All raise DockerfileError for what Go refuses. Source: unicode, strconv, time and encoding/csv of Go; RAMInBytes of
docker/go-units.
"""

import re

from brewhouse.errors import DockerfileError

BLANKS = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What unicode.IsSpace holds for a blank; Python's str.isspace knows a few more."""

_ESCAPES = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
    '"': r"\"",
}
_BYTE_END = 0x7F
_PLANE_END = 0xFFFF
_TRUE = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE = {"0", "f", "F", "false", "FALSE", "False"}
_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION = r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+"
_DURATION_PART = r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)"
_DURATION_WORD = r"([0-9]+\.?[0-9]*|\.[0-9]*)([^0-9.]*)"
_INTEGER = r"[+-]?[0-9]+"
_INT32_MAX = 2**31 - 1
_INT64_MAX = 2**63 - 1
_UINT32_MAX = 2**32 - 1
_SIZE = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?[0-9]{1,3}))? ?([kmgtpKMGTP])?[iI]?[bB]?"
_PORT = re.compile(r":([^:\]]*)$")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
_NO_HOST_CHARACTER = re.compile(r"""[ "<>\\^`{|}]""")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CSV_FIELD = r'"((?:[^"]|"")*)"|([^",\r\n]*)'


def quote(text: str) -> str:
    r"""Return `text` as strconv.Quote (%q) does: "a\n\"b\""."""
    return '"' + "".join(_quote_character(character) for character in text) + '"'


def _quote_character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code <= _BYTE_END:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _PLANE_END else f"\\U{code:08x}"


def parse_bool(text: str) -> bool:
    """Return the truth value of "1", "t", "TRUE", "false" ..."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise DockerfileError(f"invalid boolean: {text}", hint="write true or false")


def parse_uint32(text: str, base: int) -> int:
    """Return a number of digits alone that fits 32 bits: "0400" in base 8 is 256."""
    digits = "01234567" if base == 8 else "0123456789"  # noqa: PLR2004  bases are numbers by nature
    if not text or text.strip(digits):
        raise DockerfileError(f"invalid number: {text}")
    # int() refuses very long texts with an error of its own
    significant = text.lstrip("0")[:40] or "0"
    number = int(significant, base)
    if number > _UINT32_MAX:
        raise DockerfileError(f"number out of range: {text}")
    return number


def parse_duration(text: str) -> int:
    """Return the nanoseconds of "1h30m", "1.5s", "300ms"; "0" needs no unit."""
    if text.lstrip("+-") == "0" and len(text) <= len("+0"):
        return 0
    if not re.fullmatch(_DURATION, text):
        raise DockerfileError(_duration_problem(text), hint="write a number with a unit, such as 30s or 1m30s")
    total = 0
    for whole, fraction, unit in re.findall(_DURATION_PART, text.lstrip("+-")):
        size = _NANOSECONDS[unit]
        total += int(whole[:30] or "0") * size
        decimals = (fraction or "")[:18]
        total += int(decimals or "0") * size // 10 ** len(decimals)
    if total > _INT64_MAX:
        raise DockerfileError(f"time: invalid duration {quote(text)}", hint="a duration is at most 290 years")
    return -total if text.startswith("-") else total


def _duration_problem(text: str) -> str:
    """Return what time.ParseDuration says of the first part of `text` that is none."""
    rest = text.removeprefix("+") if text.startswith("+") else text.removeprefix("-")
    while match := re.match(_DURATION_WORD, rest):
        number, unit = match.groups()
        if number == ".":
            break
        if not unit:
            return f"time: missing unit in duration {quote(text)}"
        if unit not in _NANOSECONDS:
            return f"time: unknown unit {quote(unit)} in duration {quote(text)}"
        rest = rest[match.end() :]
    return f"time: invalid duration {quote(text)}"


def parse_int32(text: str) -> int:
    """Return a number with or without a sign that fits 32 bits: "+3", "-1"."""
    if not re.fullmatch(_INTEGER, text):
        raise DockerfileError(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax", hint="write a number")
    digits = text.lstrip("+-").lstrip("0")
    if len(digits) > len(str(_INT32_MAX)) or abs(int(text)) > _INT32_MAX:
        raise DockerfileError(f"strconv.ParseInt: parsing {quote(text)}: value out of range", hint="write a number")
    return int(text)


def check_url(text: str) -> None:
    """Raise DockerfileError, in Go's words, for an http or https URL that net/url does not take.

    Whatever stands behind a `?` is not looked at, as there.
    """
    authority, _, rest = re.split(r"[?#]", text, maxsplit=1)[0].partition("://")[2].partition("/")
    host = authority.rpartition("@")[2]
    port = _PORT.search(host)
    escape = _BAD_ESCAPE.search(f"{host}/{rest}")
    character = _NO_HOST_CHARACTER.search(host)
    if _CONTROL.search(text):
        problem = "net/url: invalid control character in URL"
    elif host.startswith("[") and "]" not in host:
        problem = "missing ']' in host"
    elif port and port[1].strip("0123456789"):
        problem = f"invalid port {quote(f':{port[1]}')} after host"
    elif escape:
        problem = f"invalid URL escape {quote(escape[0])}"
    elif character:
        problem = f"invalid character {quote(character[0])} in host name"
    elif not host:
        problem = "http: no Host in request URL"
    else:
        return
    raise DockerfileError(f"parse {quote(text)}: {problem}")


def parse_size(text: str) -> int:
    """Return the bytes of "64m", "1.5 GiB", "1024": k, m, g, t and p are powers of 1024."""
    match = re.fullmatch(_SIZE, text)
    if match is None:
        raise DockerfileError(f"invalid size: {text}", hint="write bytes, or a number with k, m or g")
    number, exponent, unit = match.groups()
    scale = "kmgtp".index(unit.lower()) + 1 if unit else 0
    size = float(f"{number[:60]}e{exponent or 0}") * 1024.0**scale
    if size > _INT64_MAX:
        raise DockerfileError(f"invalid size: {text}", hint="it is larger than any machine")
    return int(size)


def parse_csv(text: str) -> list[str]:
    """Return the fields of one comma-separated line, of which some may stand in quotes: `a,"b,c"`."""
    fields = []
    position = 0
    field = re.compile(_CSV_FIELD)
    while True:
        match = field.match(text, position)
        if match is None or (match.end() < len(text) and text[match.end()] != ","):
            raise DockerfileError(f"failed to parse csv: {text}", hint='put a field with a comma in quotes: "a,b"')
        quoted, bare = match.groups()
        fields.append(bare if quoted is None else quoted.replace('""', '"'))
        if match.end() == len(text):
            return fields
        position = match.end() + 1
