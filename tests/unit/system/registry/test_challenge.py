"""Tests of what registries ask for."""

import pytest

from brewhouse.system.registry.challenge import Challenge, merge_scopes, parse_challenges, repository_scope


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:x:pull,push"',
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:x:pull,push",
                    },
                )
            ],
        ),
        ('Basic realm="a \\"b\\" c"', [Challenge("basic", {"realm": 'a "b" c'})]),
        ("basic Realm=tests", [Challenge("basic", {"realm": "tests"})]),
        ("Bearer realm=x, Basic a=y", [Challenge("bearer", {"realm": "x"}), Challenge("basic", {"a": "y"})]),
        ("Negotiate", [Challenge("negotiate", {})]),
        ("", []),
        ("=====", []),
        ('Bearer realm="never ended', [Challenge("bearer", {})]),
    ],
)  # fmt: skip
def test_challenges_are_read_as_rfc_9110_writes_them(header: str, expected: list[Challenge]) -> None:
    assert parse_challenges([header])[: len(expected)] == expected


def test_several_headers_are_several_challenges() -> None:
    assert [found.scheme for found in parse_challenges(["Basic realm=x", "Bearer realm=y"])] == ["basic", "bearer"]


def test_scopes_are_written_once_and_sorted() -> None:
    scopes = [repository_scope("b", "pull", "push"), repository_scope("a", "pull"), repository_scope("a", "pull")]
    assert merge_scopes(scopes) == ("repository:a:pull", "repository:b:pull,push")
