from typing import NoReturn

import pytest

from brewhouse.build.check import check_build
from brewhouse.build.request import BuildRequest
from brewhouse.errors import InputError
from brewhouse.oci.platform import PLATFORMS, Arch, Platform
from brewhouse.oci.reference import Reference


def no_image(reference: Reference, _platform: Platform) -> NoReturn:
    raise InputError(f"there is no {reference}")


def request(text: str, ignore: str = "", **build_args: str) -> BuildRequest:
    return BuildRequest(
        dockerfile=text.encode(),
        name="Dockerfile",
        context=None,
        platform=PLATFORMS[Arch.AMD64],
        find_image=no_image,
        ignore=ignore.encode(),
        build_args=build_args,
    )


def warned(text: str, ignore: str = "", **build_args: str) -> list[str]:
    warnings, _ = check_build(request(text, ignore, **build_args))
    return [f"{warning.rule} {warning.location.start}" for warning in warnings]


@pytest.mark.parametrize(
    ("source", "ignore", "is_warned_of"),
    [
        ("a/b", "a", True),
        ("./a", "a", True),
        ("/a", "a", False),
        ("a/b", "a\n!a/c", True),
        ("a/b", "a\n!c", True),
        ("a/b", "!a/c\na", True),
        ("a", "a\n!a/c", False),
        ("a/b", "a\n!a/b", False),
        ("a/*", "a\n!a/b", False),
        ("a.b", "a.b\n!a\\.b/c", False),
        ("a", "**\n!**/b", False),
        (".", "*", True),
        (".", "**/*", True),
        (".", ".*", False),
        (".", "*\n!a", False),
    ],
)
def test_a_source_of_which_nothing_can_be_left_is_warned_of(source: str, ignore: str, is_warned_of: bool) -> None:  # noqa: FBT001 - a table
    found = warned(f"FROM scratch\nCOPY {source} /x/\n", ignore)
    assert found == (["CopyIgnoredFile 2"] if is_warned_of else [])


@pytest.mark.parametrize(
    "comment", ["check=skip=all", "check=skip=LegacyKeyValueFormat", "check=skip=LegacyKeyValueFormat // it is old"]
)
def test_a_comment_above_turns_rules_off_for_one_instruction(comment: str) -> None:
    assert warned(f"FROM scratch\n# {comment}\nENV a b\nENV a b\n") == ["LegacyKeyValueFormat 4"]


@pytest.mark.parametrize(
    ("text", "build_args", "warnings"),
    [
        ("ARG BASE=scratch\nFROM $BASE\nUSER $A\n", {}, ["UndefinedVar 3"]),
        ("ARG A=a\nARG BASE=a\nFROM scratch AS a\nENV B=b\nFROM $BASE\nUSER $B\n", {}, []),
        ("FROM scratch AS a\nONBUILD ENV B b\nFROM a\nUSER $B\n", {}, ["LegacyKeyValueFormat 3"]),
        ("ARG D=/d\nFROM scratch\nARG D\nWORKDIR $D\n", {}, []),
        ("FROM scratch\nARG D\nWORKDIR $D\n", {"D": "d"}, ["WorkdirRelativePath 3"]),
        ("FROM scratch\nARG D=$NONE\n", {}, ["UndefinedVar 2"]),
        ("FROM scratch\nARG D=$NONE\n", {"D": "d"}, []),
        ("ARG A=${TARGETARCH:?}\nFROM $NONE:${A}\n", {}, ["UndefinedArgInFrom 2", "InvalidDefaultArgInFrom 2"]),
    ],
)
def test_variables_are_those_of_the_build(text: str, build_args: dict[str, str], warnings: list[str]) -> None:
    assert warned(text, **build_args) == warnings


def test_what_is_said_twice_is_named_as_the_second_time() -> None:
    warnings, _ = check_build(request('FROM scratch\nCmd ["a"]\ncmd ["b"]\n'))
    twice = [warning for warning in warnings if warning.rule == "MultipleInstructionsDisallowed"]
    assert [(warning.location.start, warning.message.partition(" should")[0]) for warning in twice] == [
        (2, "Multiple cmd instructions")
    ]


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("FROM scratch\nEXPOSE 1 99999\n", "invalid containerPort: 99999", 2),
        ("FROM scratch\nSTOPSIGNAL SIGFOO\n", "invalid signal: SIGFOO", 2),
        ("FROM scratch\nARG A\nUSER ${A:?who}\n", "A: who", 3),
        ("FROM scratch\nVOLUME $A\n", "VOLUME specified can not be an empty string", 2),
        ("FROM scratch\nCOPY --chmod=9 a b\n", "invalid chmod", 2),
        ("FROM scratch AS a\nFROM a\nVOLUME $A\nFROM scratch\nSTOPSIGNAL 0\n", "VOLUME specified", 3),
        ("FROM scratch AS a\nONBUILD USER ${A:?who}\nFROM a\n", "A: who", 3),
    ],
)
def test_a_check_finds_instructions_that_cannot_be_carried_out(text: str, problem: str, line: int) -> None:
    _, fault = check_build(request(text))
    assert fault is not None
    assert problem in fault.message
    assert fault.location is not None
    assert fault.location.start == line


@pytest.mark.parametrize(
    ("text", "warnings", "problem"),
    [
        (
            "FROM scratch\nRUN a \\\n\n b\nCOPI a b\nRUN c \\\n\n d\n",
            ["NoEmptyContinuation 4", "NoEmptyContinuation 8"],
            "dockerfile parse error on line 5: unknown instruction: COPI",
        ),
        ("FROM scratch AS A\nENV a\n", [], "ENV must have two arguments"),
        ("# check=skip\nFROM scratch\n", [], 'failed to parse check options: invalid check option "skip"'),
        (
            "FROM scratch AS A\nMAINTAINER me\nENV a b\nCOPI a b\n",
            ["StageNameCasing 1", "MaintainerDeprecated 2"],
            "dockerfile parse error on line 4: unknown instruction: COPI (did you mean COPY?)",
        ),
        (
            "FROM --platform=$BULDPLATFORM scratch\n",
            ["UndefinedArgInFrom 1"],
            "empty platform value from expression $BULDPLATFORM (did you mean BUILDPLATFORM?)",
        ),
        (
            "FROM --platform=linux/$ARCH scratch\n",
            ["UndefinedArgInFrom 1"],
            'is an invalid component of "linux/": platform specifier component must match',
        ),
        ("# check=error=true\nFROM scratch\nENV a b\n", ["LegacyKeyValueFormat 3"], "lint violation found for rules: "),
        ("FROM base\nENV a b\n", ["LegacyKeyValueFormat 2"], "there is no base:latest"),
        ("FROM scratch\nCOPY --from=5 a b\n", [], "invalid stage index 5"),
        (
            "FROM $BASE AS a\nFROM scratch\n",
            ["UndefinedArgInFrom 1", "InvalidDefaultArgInFrom 1"],
            "base name ($BASE) should not be blank",
        ),
        ("FROM Base AS a\nFROM scratch\n", ["InvalidDefaultArgInFrom 1"], 'failed to parse stage name "Base"'),
        ("ARG P=x86\nFROM --platform=$P scratch\nFROM scratch\n", [], 'failed to parse platform $P: "x86": unknown'),
        ("ARG P=a/b/c/d\nFROM --platform=$P scratch\n", [], '"a/b/c/d": cannot parse platform specifier: invalid'),
        ("ARG P=é\nFROM --platform=$P scratch\n", [], '"é" is an invalid OS component of "é": OSAndVersion'),
    ],
)
def test_a_check_gives_its_warnings_beside_the_fault(text: str, warnings: list[str], problem: str) -> None:
    found, fault = check_build(request(text))
    assert [f"{warning.rule} {warning.location.start}" for warning in found] == warnings
    assert fault is not None
    assert problem in fault.message


def test_the_build_argument_stands_in_for_the_directive() -> None:
    text = "# check=error=true\nFROM scratch\nENV a b\n"
    assert check_build(request(text, BUILDKIT_DOCKERFILE_CHECK="skip=all")) == ((), None)
