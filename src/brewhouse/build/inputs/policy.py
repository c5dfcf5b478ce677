"""Policies about sources: which images, repositories and URLs a build may take, and which others in their place.

A policy is JSON, as `buildctl --source-policy-file` and buildx' EXPERIMENTAL_BUILDKIT_SOURCE_POLICY have it:

{"rules": [{"action": "CONVERT", "selector": {"identifier": "docker-image://docker.io/library/alpine:*"},
            "updates": {"identifier": "docker-image://mirror.example/alpine:${1}"}}]}

Source: sourcepolicy/ and docs/build-repro.md of moby/buildkit.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from brewhouse.dockerfile.giturl import GitSource
from brewhouse.errors import InputError
from brewhouse.oci.reference import Reference, parse_reference

_IMAGE, _GIT = "docker-image://", "git://"
_CHECKSUM, _FULL_URL = "http.checksum", "git.fullurl"
_MOST_CONVERSIONS = 20
_ACTIONS = ("ALLOW", "DENY", "CONVERT")
_MATCH_TYPES = ("WILDCARD", "EXACT", "REGEX")
_CONDITIONS = ("EQUAL", "NOTEQUAL", "MATCHES")
_GROUP = re.compile(r"\$(?:\{(\w+)\}|(\w+)|(\$))")


class Constraint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an attribute of a source must be for a rule to hold."""

    key: str
    value: str = ""
    condition: str | int = 0


class Selector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sources that a rule is for: by a text with `*`, the text itself, or a regular expression."""

    identifier: str
    match_type: str | int = 0
    constraints: tuple[Constraint, ...] = ()


class Update(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a source becomes; `$1` or `${1}` is what the first `*` or group stood for."""

    identifier: str = ""
    attrs: dict[str, str] = {}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to some sources."""

    selector: Selector
    action: str | int = 0
    updates: Update = Update()


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules in their order: the last that allows or denies counts, the first that converts begins anew."""

    rules: tuple[Rule, ...] = ()
    version: int = 1
    name: str = ""


class Operation(msgspec.Struct, frozen=True):
    """A source as BuildKit writes it: "docker-image://docker.io/library/alpine:latest", and attributes."""

    identifier: str
    attrs: Mapping[str, str] = {}


def parse_policy(raw: bytes, name: str) -> Policy:
    """Return the policy in a file; raises InputError for what is none."""
    try:
        value = msgspec.json.decode(raw)
        policy = msgspec.convert(_snake(value), Policy)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise InputError(f"`{name}` is no source policy: {error}", hint="see BuildKit's docs/build-repro.md") from error
    for rule in policy.rules:
        _choice(rule.action, _ACTIONS, name)
        _choice(rule.selector.match_type, _MATCH_TYPES, name)
        for constraint in rule.selector.constraints:
            _choice(constraint.condition, _CONDITIONS, name)
        _matcher(rule.selector)
    return msgspec.structs.replace(policy, name=name)


def _snake(value: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """Return a document with `matchType`, as newer programs write it, spelt `match_type`."""
    if isinstance(value, dict):
        return {"match_type" if key == "matchType" else key: _snake(item) for key, item in value.items()}
    return [_snake(item) for item in value] if isinstance(value, list) else value


def apply_policy(policy: Policy, operation: Operation) -> Operation:
    """Return what is to be taken for a source; raises InputError where that is denied."""
    for _ in range(_MOST_CONVERSIONS + 1):
        converted = _evaluate(policy, operation)
        if converted == operation:
            return operation
        operation = converted
    problem = f"the source {operation.identifier} is converted again and again by the policy"
    raise InputError(problem, hint=f"see {policy.name}")


def admitted_image(policy: Policy, reference: Reference) -> Reference:
    """Return the image to be taken for one."""
    tag = f":{reference.tag}" if reference.tag else ""
    digest = f"@{reference.digest}" if reference.digest else ""
    before = Operation(f"{_IMAGE}{reference.domain}/{reference.path}{tag}{digest}")
    after = apply_policy(policy, before)
    if after.identifier == before.identifier:
        return reference
    if not after.identifier.startswith(_IMAGE):
        raise _other_kind(policy, before, after)
    return parse_reference(after.identifier.removeprefix(_IMAGE))


def admitted_file(policy: Policy, url: str, checksum: str) -> tuple[str, str]:
    """Return the address of the file to be taken for one, and the checksum that it must have, if any."""
    before = Operation(url, {_CHECKSUM: checksum} if checksum else {})
    after = apply_policy(policy, before)
    if not after.identifier.startswith(("http://", "https://")):
        raise _other_kind(policy, before, after)
    return after.identifier, after.attrs.get(_CHECKSUM, "")


def admitted_repository(policy: Policy, source: GitSource) -> GitSource:
    """Return the repository, and the ref in it, to be taken for one."""
    place = re.sub(r"^(?:[a-z+]+://)?(?:[^/@]*@)?", "", source.url)
    fragment = source.ref + (f":{source.subdir}" if source.subdir else "")
    before = Operation(f"{_GIT}{place}" + (f"#{fragment}" if fragment else ""), {_FULL_URL: source.url})
    after = apply_policy(policy, before)
    if not after.identifier.startswith(_GIT):
        raise _other_kind(policy, before, after)
    address, _, fragment = after.identifier.removeprefix(_GIT).partition("#")
    url = after.attrs[_FULL_URL]
    if url == source.url and address != place:
        url = f"https://{address}"
    ref, _, subdir = fragment.partition(":")
    return msgspec.structs.replace(source, url=url, ref=ref, subdir=subdir)


def _other_kind(policy: Policy, before: Operation, after: Operation) -> InputError:
    problem = f"the policy puts {after.identifier} in the place of {before.identifier}, which is of another kind"
    return InputError(problem, hint=f"see {policy.name}")


def _evaluate(policy: Policy, operation: Operation) -> Operation:
    is_denied = False
    for rule in policy.rules:
        if not _matches(rule.selector, operation):
            continue
        action = _choice(rule.action, _ACTIONS, policy.name)
        if action == "CONVERT":
            converted = _convert(rule, operation)
            if converted != operation:
                return converted
        else:
            is_denied = action == "DENY"
    if is_denied:
        raise InputError(f'source "{operation.identifier}" denied by policy', hint=f"see {policy.name}")
    return operation


def _matches(selector: Selector, operation: Operation) -> bool:
    if not all(_holds(constraint, operation.attrs.get(constraint.key, "")) for constraint in selector.constraints):
        return False
    return selector.identifier == operation.identifier or bool(_matcher(selector)(operation.identifier))


def _holds(constraint: Constraint, value: str) -> bool:
    match _choice(constraint.condition, _CONDITIONS, "the policy"):
        case "EQUAL":
            return value == constraint.value
        case "NOTEQUAL":
            return value != constraint.value
        case _:
            return bool(_expression(constraint.value).search(value))


def _convert(rule: Rule, operation: Operation) -> Operation:
    identifier = operation.identifier
    found = _matcher(rule.selector)(identifier)
    if rule.updates.identifier:
        wanted = _filled(rule.updates.identifier, found)
        is_regex = _choice(rule.selector.match_type, _MATCH_TYPES, "the policy") == "REGEX"
        identifier = identifier[: found.start()] + wanted + identifier[found.end() :] if is_regex and found else wanted
    return Operation(identifier, {**operation.attrs, **rule.updates.attrs})


def _filled(text: str, found: "re.Match[str] | None") -> str:
    def group(mark: "re.Match[str]") -> str:
        if mark[3] or found is None:
            return mark[3] or ""
        name = mark[1] or mark[2]
        try:
            return found[int(name) if name.isdecimal() else name] or ""
        except IndexError:
            return ""

    return _GROUP.sub(group, text)


def _matcher(selector: Selector) -> Callable[[str], "re.Match[str] | None"]:
    """Return what finds a selector in an identifier."""
    kind = _choice(selector.match_type, _MATCH_TYPES, "the policy")
    if kind == "REGEX":
        return _expression(selector.identifier).search
    if kind == "EXACT":
        return re.compile(re.escape(selector.identifier)).fullmatch
    return re.compile("(.*)".join(map(re.escape, selector.identifier.split("*"))), re.DOTALL).fullmatch


def _expression(text: str) -> "re.Pattern[str]":
    try:
        return re.compile(text)
    except re.error as error:
        raise InputError(f"`{text}` in the policy is no regular expression: {error}") from error


def _choice(value: str | int, known: tuple[str, ...], name: str) -> str:
    """Return the name of a choice, which is written by name or number."""
    if isinstance(value, int) and 0 <= value < len(known):
        return known[value]
    if value in known:
        return str(value)
    raise InputError(f"`{value}` in {name} is not known", hint=f"write one of {', '.join(known)}")
