"""What a Dockerfile offers."""

from brewhouse.build.query import Outline, list_targets, outline
from brewhouse.dockerfile.instruction import Dockerfile
from brewhouse.dockerfile.parse import parse_dockerfile

TEXT = b"""\
# VERSION of the base
ARG VERSION=3.22
ARG UNUSED=1
# SUITE of packages
ARG SUITE=${VERSION}-main
# base has the tools
FROM --platform=$BUILDPLATFORM alpine:$SUITE AS Base
# JOBS at a time
ARG JOBS=4
ARG VERSION
RUN --mount=type=secret,id=token --mount=type=secret,id=key,required --mount=type=cache,target=/c/$JOBS true
FROM scratch AS other
ARG NEVER
RUN --mount=type=ssh true
FROM base
ARG JOBS=8
COPY --from=base /a /
RUN --mount=type=secret,target=/run/secrets/token,required true
"""


def parsed() -> Dockerfile:
    return parse_dockerfile(TEXT, "Dockerfile")


def outlined(target: int, **build_args: str) -> Outline:
    known = {"VERSION": "3.22", "UNUSED": "1", "SUITE": "3.22-main", **build_args}
    return outline(parsed(), target, known, build_args)


def test_targets_are_the_stages_with_the_comments_above_them() -> None:
    targets = [(target.name, target.default, target.description, target.base) for target in list_targets(parsed())]
    assert targets == [
        ("base", False, "has the tools", "alpine:$SUITE"),
        ("other", False, "", "scratch"),
        ("", True, "", "base"),
    ]
    assert list_targets(parsed())[0].platform == "$BUILDPLATFORM"


def test_an_outline_has_the_arguments_of_target_and_needed_stages_by_line_the_targets_own_first() -> None:
    found = outlined(2)
    assert [(argument.name, argument.value, argument.description) for argument in found.arguments] == [
        ("VERSION", "3.22", "of the base"),
        ("SUITE", "3.22-main", "of packages"),
        ("JOBS", "8", ""),
    ]


def test_arguments_of_the_command_line_count_before_defaults() -> None:
    assert {argument.name: argument.value for argument in outlined(0, JOBS="9").arguments}["JOBS"] == "9"


def test_an_outline_has_secrets_and_agents_each_once() -> None:
    found = outlined(2)
    assert [(secret.name, secret.required, secret.location.start) for secret in found.secrets] == [
        ("key", True, 11),
        ("token", True, 18),
    ]
    assert (found.agents, [agent.name for agent in outlined(1).agents]) == ((), ["default"])


SCOPES = b"""\
# MODE of all
ARG MODE=fast
FROM scratch AS base
ENV ROOT=/opt
FROM base AS app
# MODE of the stage
ARG MODE
ARG TARGETARCH
ARG PREFIX=$ROOT/app
"""


def test_an_argument_that_takes_a_global_value_is_the_global_one_and_platforms_are_not_told() -> None:
    dockerfile = parse_dockerfile(SCOPES, "Dockerfile")
    known = {"MODE": "fast", "TARGETARCH": "amd64"}
    found = outline(dockerfile, 1, known, {})
    told = [(each.name, each.value, each.description, each.location.start) for each in found.arguments]
    assert told == [
        ("MODE", "fast", "of all", 2),
        ("PREFIX", "/opt/app", "", 9),
    ]
    given = {"MODE": "slow", "TARGETARCH": "arm64"}
    found = outline(dockerfile, 1, given, given)
    assert [(each.value, each.location.start) for each in found.arguments] == [
        ("slow", 7),
        ("arm64", 8),
        ("/opt/app", 9),
    ]


def test_a_base_that_a_variable_names_brings_its_arguments_and_environment() -> None:
    text = b"ARG BASE=base\nFROM scratch AS base\nARG ROOT=/opt\nFROM $BASE\nARG PREFIX=$ROOT:$PATH\n"
    found = outline(parse_dockerfile(text, "Dockerfile"), 1, {"BASE": "base"}, {})
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert [(each.name, each.value) for each in found.arguments] == [
        ("BASE", "base"),
        ("ROOT", "/opt"),
        ("PREFIX", f"/opt:{path}"),
    ]
