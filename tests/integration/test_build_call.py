"""`brewhouse build --call`, `--check`, and the warnings of a build."""

import json
from pathlib import Path

import pytest
from tests.conformance.bases import BUSYBOX, prepare
from tests.support.program import Program, Ran
from tests.support.sandbox import reason
from tests.support.shared import recorded

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)

CLEAN = 'FROM scratch\nCMD ["a"]\n'
SHELL_FORM = "FROM scratch\nCMD a\n"
DETAIL = "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals"
OUTLINE = """\
# VERSION to take
ARG VERSION=1
# build makes all
FROM scratch AS build
ARG VERSION
RUN --mount=type=secret,id=token,required --mount=type=ssh --mount=type=cache,target=/c true
FROM scratch
"""


def build(program: Program, dockerfile: str, *options: str) -> Ran:
    return program.run("build", *options, "-", stdin=dockerfile.encode())


def rules(ran: Ran) -> list[str]:
    return [warning["ruleName"] for warning in json.loads(ran.stdout).get("warnings", [])]


# Checks ---------------------------------------------------------------------------------------------------------------


def test_a_clean_file_passes(program: Program) -> None:
    ran = build(program, CLEAN, "--check")
    assert (ran.status, ran.stdout) == (0, "Check complete, no warnings found.\n")


def test_a_warning_is_shown_with_its_place_and_fails_the_check(program: Program) -> None:
    ran = build(program, SHELL_FORM, "--call=check")
    assert (ran.status, ran.stderr) == (1, "")
    assert ran.stdout == (
        "Check complete, 1 warning has been found!\n\n"
        "WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\n"
        f"{DETAIL}\nDockerfile:2\n"
        "--------------------\n   1 |     FROM scratch\n   2 | >>> CMD a\n   3 |\n--------------------\n"
    )


def test_the_same_is_told_as_json(program: Program) -> None:
    ran = build(program, SHELL_FORM, "--call=check,format=json")
    document = json.loads(ran.stdout)
    (warning,) = document["warnings"]
    assert (ran.status, warning["ruleName"], warning["detail"]) == (1, "JSONArgsRecommended", DETAIL)
    assert warning["location"] == {"ranges": [{"start": {"line": 2}, "end": {"line": 2}}]}
    assert document["sources"][0]["filename"] == "Dockerfile"


@pytest.mark.parametrize("call", ["check,ignorestatus=true", "ignorestatus=1,check", "check,ignorestatus"])
def test_the_status_can_be_left_out(program: Program, call: str) -> None:
    assert build(program, SHELL_FORM, f"--call={call}").status == 0


@pytest.mark.parametrize(
    ("dockerfile", "options", "expected"),
    [
        (f"# check=skip=JSONArgsRecommended\n{SHELL_FORM}", [], []),
        (
            f"# check=skip=all\n{SHELL_FORM}",
            ["--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=none"],
            ["JSONArgsRecommended"],
        ),
        (SHELL_FORM, ["--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=all"], []),
        ("FROM scratch\n# check=skip=JSONArgsRecommended\nCMD a\n", [], []),
    ],
)
def test_rules_are_turned_off_by_file_and_build_argument(
    program: Program, dockerfile: str, options: list[str], expected: list[str]
) -> None:
    assert rules(build(program, dockerfile, "--call=check,format=json", *options)) == expected


def test_files_that_are_ignored_and_cannot_be_copied_are_told(program: Program, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / ".dockerignore").write_text("*.tmp\n")
    dockerfile = b"FROM scratch\nCOPY a.tmp b /\nADD c.tmp http://localhost/d.tmp /\n"
    ran = program.run("build", "--call=check,format=json", "-f", "-", context, stdin=dockerfile)
    details = [warning["detail"] for warning in json.loads(ran.stdout)["warnings"]]
    assert details == [
        'Attempting to Copy file "a.tmp" that is excluded by .dockerignore',
        'Attempting to Add file "c.tmp" that is excluded by .dockerignore',
    ]


def test_a_base_for_another_platform_and_its_variables_are_looked_at(program: Program) -> None:
    prepare(program.store, recorded("dockerfile/bases/busybox"), debian=False)
    dockerfile = f"FROM {BUSYBOX}\nLABEL a=$PATH b=$NONE\n"
    ran = build(program, dockerfile, "--call=check,format=json", "--platform", "linux/riscv64")
    details = [warning["detail"] for warning in json.loads(ran.stdout)["warnings"]]
    assert details == [
        f'Base image {BUSYBOX} was pulled with platform "linux/amd64", expected "linux/riscv64" for current build',
        "Usage of undefined variable '$NONE'",
    ]


def test_a_check_goes_on_without_the_base_and_tells_what_is_missing(program: Program) -> None:
    ran = build(program, "FROM localhost:1/none\nCMD a\n", "--call=check,format=json")
    assert rules(ran) == ["JSONArgsRecommended"]
    assert "localhost:1/none" in json.loads(ran.stdout)["buildError"]["message"]
    assert (ran.status, "image `localhost:1/none:latest` is not in the store" in ran.stderr) == (2, True)


def test_a_file_that_cannot_be_read_is_an_error(program: Program) -> None:
    ran = build(program, "FROM scratch\nRUM true\n", "--check")
    assert (ran.status, "unknown instruction: RUM (did you mean RUN?)" in ran.stderr) == (2, True)


def test_a_check_is_of_all_stages_or_of_those_that_a_target_needs(program: Program) -> None:
    dockerfile = "FROM scratch AS a\nCMD a\nFROM scratch AS B\nMAINTAINER me\nCMD b\nFROM a\nCOPY --from=a / /\n"
    of_the_file = ["StageNameCasing", "MaintainerDeprecated"]
    for option, expected in (
        ((), ["JSONArgsRecommended", *of_the_file, "JSONArgsRecommended"]),
        (("--target", "2"), ["JSONArgsRecommended", *of_the_file]),
        (("--target", "b"), [*of_the_file, "JSONArgsRecommended"]),
    ):
        assert rules(build(program, dockerfile, "--call=check,format=json", *option)) == expected


# Builds ---------------------------------------------------------------------------------------------------------------


def test_a_build_ends_with_its_warnings(program: Program) -> None:
    ran = build(program, SHELL_FORM)
    assert ran.status == 0
    assert ran.stderr.endswith(
        f"\n 1 warning found (use --debug to expand):\n - JSONArgsRecommended: {DETAIL} (line 2)\n"
    )
    assert "warning" not in build(program, SHELL_FORM, "--quiet").stderr
    assert "warning" not in build(program, CLEAN).stderr


def test_a_build_shows_the_lines_of_its_warnings_on_demand(program: Program) -> None:
    assert "Dockerfile:2\n--------------------\n   1 |     FROM scratch\n" in build(program, SHELL_FORM, "-D").stderr


@pytest.mark.parametrize(
    ("dockerfile", "options"),
    [
        (f"# check=error=true\n{SHELL_FORM}", []),
        (SHELL_FORM, ["--build-arg", "BUILDKIT_DOCKERFILE_CHECK=error=true"]),
    ],
)
def test_a_build_fails_by_a_warning_when_the_file_says_so(
    program: Program, dockerfile: str, options: list[str]
) -> None:
    ran = build(program, dockerfile, *options)
    assert (ran.status, program.do("images", "-q")) == (2, "")
    assert "error: lint violation found for rules: JSONArgsRecommended (Dockerfile:" in ran.stderr


# Outline and targets --------------------------------------------------------------------------------------------------


def test_targets_are_listed(program: Program) -> None:
    ran = build(program, OUTLINE, "--call=targets")
    assert ran.stdout == "TARGET    DESCRIPTION\nbuild     makes all\n(default) \n"
    document = json.loads(build(program, OUTLINE, "--call=targets,format=json").stdout)
    assert [target.get("name") for target in document["targets"]] == ["build", None]
    assert document["targets"][1]["default"]


def test_an_outline_shows_what_a_target_can_be_given(program: Program) -> None:
    ran = build(program, OUTLINE, "--call=outline", "--target", "build")
    assert ran.stdout == (
        "TARGET:      build\nDESCRIPTION: makes all\n\n"
        "BUILD ARG   VALUE   DESCRIPTION\nVERSION     1       to take\n\n"
        "SECRET   REQUIRED\ntoken    true\n\nSSH       REQUIRED\ndefault   \n\n"
    )
    options = ("--call=outline,format=json", "--target", "build", "--build-arg", "VERSION=2")
    document = json.loads(build(program, OUTLINE, *options).stdout)
    assert sorted(document) == ["args", "description", "name", "secrets", "sources", "ssh"]
    assert document["args"][0]["value"] == "2"


def test_a_place_has_a_range_for_each_line(program: Program) -> None:
    ran = build(program, "FROM scratch AS build\nARG A \\\n  B\n", "--call=outline,format=json")
    ranges = json.loads(ran.stdout)["args"][0]["location"]["ranges"]
    assert ranges == [{"start": {"line": line}, "end": {"line": line}} for line in (2, 3)]


def test_the_questions_are_listed(program: Program) -> None:
    ran = build(program, CLEAN, "--call=subrequests.describe")
    assert [line.split()[:2] for line in ran.stdout.splitlines()] == [
        ["NAME", "VERSION"],
        ["outline", "1.0.0"],
        ["targets", "1.0.0"],
        ["subrequests.describe", "1.0.0"],
    ]
    document = json.loads(build(program, CLEAN, "--call=subrequests.describe,format=json").stdout)
    assert document[0]["name"] == "frontend.outline"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("outlin", "`--call outlin` is not known (did you mean outline?)"),
        ("check,format=xml", "`--call check,format=xml`: `format=xml` is not known"),
    ],
)
def test_an_unknown_question_is_refused(program: Program, call: str, message: str) -> None:
    ran = build(program, CLEAN, f"--call={call}")
    assert (ran.status, message in ran.stderr) == (2, True)
