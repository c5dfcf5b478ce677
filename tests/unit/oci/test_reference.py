"""References are read as Docker reads them."""

import pytest

from brewhouse.errors import InputError
from brewhouse.oci.reference import parse_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "domain", "path", "tag", "short"),
    [
        ("python", "docker.io", "library/python", "latest", "python:latest"),
        ("python:3.13-slim", "docker.io", "library/python", "3.13-slim", "python:3.13-slim"),
        ("arm64v8/python:3", "docker.io", "arm64v8/python", "3", "arm64v8/python:3"),
        ("localhost/x", "localhost", "x", "latest", "localhost/x:latest"),
        ("localhost:5000/a/b:1", "localhost:5000", "a/b", "1", "localhost:5000/a/b:1"),
        ("docker.io/library/python", "docker.io", "library/python", "latest", "python:latest"),
        ("index.docker.io/python", "docker.io", "library/python", "latest", "python:latest"),
        (f"python@{DIGEST}", "docker.io", "library/python", "", f"python@{DIGEST}"),
        (f"python:3@{DIGEST}", "docker.io", "library/python", "3", f"python:3@{DIGEST}"),
    ],
)
def test_a_reference_is_completed_as_docker_completes_it(
    text: str, domain: str, path: str, tag: str, short: str
) -> None:
    reference = parse_reference(text)
    assert (reference.domain, reference.path, reference.tag, str(reference)) == (domain, path, tag, short)
    assert parse_reference(short) == reference


@pytest.mark.parametrize(
    "text", ["", "Python", "a//b", "a:", "a@", "a@sha256:12", "a b", "-a", "a/", "a:b:c", "a:" + "x" * 129]
)
def test_a_malformed_reference_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_reference(text)
