"""Versions as upstream writes them: "3.13.5", "3.15.0b3"."""

import re

from brewhouse.errors import InputError

_VERSION = re.compile(r"(?P<series>\d+\.\d+)\.(?P<patch>\d+)(?:(?P<stage>a|b|rc)(?P<count>\d+))?")
_PRE_RELEASES = "-rc"


def version_key(version: str) -> tuple[int, ...]:
    """Return what sorts versions by age: 3.15.0a1, 3.15.0b3, 3.15.0rc1, 3.15.0, 3.15.1.

    Raises InputError for other forms.
    """
    match = _VERSION.fullmatch(version)
    if not match:
        raise InputError(
            f"`{version}` is not a version", hint="write 3.13.5, or 3.15.0b3 before the first final release"
        )
    major, minor = match["series"].split(".")
    stage = {"a": 0, "b": 1, "rc": 2, None: 3}[match["stage"]]
    return int(major), int(minor), int(match["patch"]), stage, int(match["count"] or 0)


def is_version(text: str) -> bool:
    """Tell whether `text` is a whole version."""
    return bool(_VERSION.fullmatch(text))


def series_of(name: str) -> str:
    """Return the first two numbers of a version or a line: "3.15" for 3.15.0b3 and for 3.15-rc."""
    match = _VERSION.fullmatch(name)
    return match["series"] if match else name.removesuffix(_PRE_RELEASES)


def belongs(version: str, line: str) -> bool:
    """Tell whether a release is one of the line; "3.15-rc" ends with the first final release of 3.15."""
    if series_of(version) != series_of(line):
        return False
    return not line.endswith(_PRE_RELEASES) or version != final_of(version)


def final_of(version: str) -> str:
    """Return the final release that a pre-release leads to: "3.15.0" for 3.15.0b3."""
    return re.sub(r"(a|b|rc)\d+$", "", version)


def debian_form(version: str) -> str:
    """Return the version as Debian orders it: "3.15.0~b3"."""
    return re.sub(r"(a|b|rc)(\d+)$", r"~\1\2", version)
