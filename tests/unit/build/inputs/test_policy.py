"""Policies about sources; the cases are those of BuildKit's own engine, where it has them."""

import json
from typing import Any

import pytest

from brewhouse.build.inputs.policy import (
    Operation,
    Policy,
    admitted_file,
    admitted_image,
    admitted_repository,
    apply_policy,
    parse_policy,
)
from brewhouse.dockerfile.giturl import GitSource
from brewhouse.errors import InputError
from brewhouse.oci.reference import parse_reference

BUSYBOX = "docker-image://docker.io/library/busybox:latest"
ALPINE = "docker-image://docker.io/library/alpine:latest"
DEBIAN = "docker-image://docker.io/library/debian:trixie"
GOLANG = "docker-image://docker.io/library/golang:1.19"


def policy(*rules: dict[str, Any]) -> Policy:
    return parse_policy(json.dumps({"rules": rules}).encode(), "policy.json")


def rule(action: str, identifier: str, to: str = "", match_type: str = "WILDCARD", **attrs: str) -> dict[str, Any]:
    selector = {"identifier": identifier, "match_type": match_type}
    return {"action": action, "selector": selector, "updates": {"identifier": to, "attrs": attrs}}


@pytest.mark.parametrize(
    ("rules", "converted"),
    [
        ([], BUSYBOX),
        ([rule("CONVERT", BUSYBOX, ALPINE)], ALPINE),
        ([rule("CONVERT", BUSYBOX, ALPINE, "EXACT")], ALPINE),
        ([rule("CONVERT", BUSYBOX, ALPINE), rule("CONVERT", ALPINE, DEBIAN)], DEBIAN),
        ([rule("DENY", BUSYBOX), rule("ALLOW", BUSYBOX)], BUSYBOX),
        ([rule("DENY", ALPINE)], BUSYBOX),
        ([rule("DENY", "docker-image://*", match_type="EXACT")], BUSYBOX),
        ([rule("DENY", BUSYBOX), rule("CONVERT", BUSYBOX, ALPINE)], ALPINE),
    ],
)
def test_the_last_rule_that_allows_or_denies_counts_and_conversions_go_on(
    rules: list[dict[str, Any]], converted: str
) -> None:
    assert apply_policy(policy(*rules), Operation(BUSYBOX)).identifier == converted


@pytest.mark.parametrize(
    "rules",
    [
        [rule("DENY", "docker-image://*")],
        [rule("ALLOW", BUSYBOX), rule("DENY", "docker-image://*")],
        [rule("DENY", "docker-image://docker.io/library/alpine:*"), rule("CONVERT", BUSYBOX, ALPINE)],
        [rule("DENY", "busybox", match_type="REGEX")],
    ],
)
def test_what_is_denied_in_the_end_is_not_taken(rules: list[dict[str, Any]]) -> None:
    with pytest.raises(InputError, match="denied by policy"):
        apply_policy(policy(*rules), Operation(BUSYBOX))


@pytest.mark.parametrize(
    ("match_type", "identifier"),
    [
        ("WILDCARD", "docker-image://docker.io/library/golang:*"),
        ("REGEX", r"docker\-image://docker\.io/library/golang:(.*)"),
    ],
)
def test_what_a_pattern_stood_for_is_put_into_the_new_source(match_type: str, identifier: str) -> None:
    for mark in ("${1}", "$1"):
        rules = policy(rule("CONVERT", identifier, f"docker-image://mirror.example/golang:{mark}", match_type))
        assert apply_policy(rules, Operation(GOLANG)).identifier == "docker-image://mirror.example/golang:1.19"


def test_a_circle_of_conversions_ends() -> None:
    with pytest.raises(InputError, match="again and again"):
        apply_policy(policy(rule("CONVERT", BUSYBOX, ALPINE), rule("CONVERT", ALPINE, BUSYBOX)), Operation(BUSYBOX))


@pytest.mark.parametrize(("condition", "value"), [("EQUAL", "x"), ("NOTEQUAL", "y"), ("MATCHES", "^x"), (2, "^x")])
def test_a_rule_holds_where_its_constraints_do(condition: str | int, value: str) -> None:
    selector = {"identifier": "https://*", "constraints": [{"key": "k", "value": value, "condition": condition}]}
    rules = policy({"action": 1, "selector": selector})
    with pytest.raises(InputError, match="denied by policy"):
        apply_policy(rules, Operation("https://a", {"k": "x"}))
    other = Operation("https://a", {"k": "y"})
    assert apply_policy(rules, other) == other


def test_an_image_is_pinned_by_its_whole_name() -> None:
    digest = "sha256:" + "a" * 64
    rules = policy(rule("CONVERT", ALPINE, f"{ALPINE}@{digest}"))
    assert str(admitted_image(rules, parse_reference("alpine"))) == f"alpine:latest@{digest}"
    assert str(admitted_image(rules, parse_reference("alpine:3"))) == "alpine:3"


def test_a_file_gets_a_checksum_or_another_place() -> None:
    checksum = "sha256:" + "b" * 64
    rules = policy(rule("CONVERT", "https://a/*", "https://b/${1}", **{"http.checksum": checksum}))
    assert admitted_file(rules, "https://a/x", "") == ("https://b/x", checksum)
    assert admitted_file(rules, "https://c/x", checksum) == ("https://c/x", checksum)


def test_a_repository_is_pinned_to_a_commit_or_moved() -> None:
    source = GitSource("https://user@host/x.git", ref="main", subdir="docs")
    pinned = policy(rule("CONVERT", "git://host/x.git#main:docs", f"git://host/x.git#{'c' * 40}:docs"))
    assert admitted_repository(pinned, source) == GitSource(source.url, ref="c" * 40, subdir="docs")
    moved = policy(rule("CONVERT", "git://host/*", "git://mirror/${1}"))
    assert admitted_repository(moved, source) == GitSource("https://mirror/x.git", ref="main", subdir="docs")


def test_a_source_does_not_become_one_of_another_kind() -> None:
    with pytest.raises(InputError, match="of another kind"):
        admitted_image(policy(rule("CONVERT", ALPINE, "https://a/x")), parse_reference("alpine"))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"rules", "is no source policy"),
        (b'{"rules": [{"action": "DENY"}]}', "missing required field `selector`"),
        (b'{"rules": [{"action": "REFUSE", "selector": {"identifier": "a"}}]}', "`REFUSE` in policy.json is not known"),
        (b'{"rules": [{"selector": {"identifier": "a", "matchType": 9}}]}', "`9` in policy.json is not known"),
        (b'{"rules": [{"selector": {"identifier": "(", "matchType": "REGEX"}}]}', "no regular expression"),
    ],
)
def test_a_file_that_is_no_policy_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_policy(raw, "policy.json")
