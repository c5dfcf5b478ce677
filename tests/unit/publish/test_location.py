"""Tests of what `copy` takes for a place."""

from pathlib import Path

import pytest

from brewhouse.errors import InputError
from brewhouse.publish.location import parse_location


@pytest.mark.parametrize(
    ("text", "kind", "path", "name"),
    [
        ("oci:dir", "oci", "dir", ""),
        ("oci:/a/dir:1", "oci", "/a/dir", "1"),
        ("oci-archive:a.tar:python:3", "oci-archive", "a.tar", "python:3"),
        ("docker-archive:a.tar:r.example/x:1", "docker-archive", "a.tar", "r.example/x:1"),
        ("store:python:3.13", "store", ".", "python:3.13"),
        ("store:r.example:5000/x:1", "store", ".", "r.example:5000/x:1"),
    ],
)
def test_a_prefix_says_what_a_place_is(text: str, kind: str, path: str, name: str) -> None:
    found = parse_location(text)
    assert (found.kind, found.path, found.name) == (kind, Path(path), name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python:3.13", "python:3.13"),
        ("docker://python", "python:latest"),
        ("r.example:5000/x", "r.example:5000/x:latest"),
        ("docker://r.example/x@sha256:" + "a" * 64, "r.example/x@sha256:" + "a" * 64),
    ],
)
def test_what_has_no_prefix_is_in_a_registry(text: str, expected: str) -> None:
    found = parse_location(text)
    assert (found.kind, str(found.reference)) == ("registry", expected)


@pytest.mark.parametrize(
    "text", ["oci:", "oci-archive::x", "docker-daemon:x", "containers-storage:x", "dir:x", "UPPER"]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_location(text)
