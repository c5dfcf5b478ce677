import pytest

from brewhouse.dockerfile.lint import lint, parse_check
from brewhouse.dockerfile.lint_stage import Base
from brewhouse.dockerfile.parse import parse_dockerfile
from brewhouse.errors import DockerfileError

BASES = {0: Base({"HOME": "/root"})}


def warnings(text: str) -> list[tuple[str, int]]:
    dockerfile = parse_dockerfile(text.encode(), "Dockerfile")
    return [(warning.rule, warning.location.start) for warning in lint(dockerfile, BASES)]


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        ("StageNameCasing", "FROM a AS Build", "FROM a AS build"),
        ("FromAsCasing", "FROM a as build", "from a as build"),
        ("NoEmptyContinuation", "FROM a\nRUN a \\\n\n  b", "FROM a\nRUN a \\\n# c\n  b"),
        ("ConsistentInstructionCasing", "FROM a\nRUN b\nrun c", "from a\nrun b\nrun c"),
        ("DuplicateStageName", "FROM a AS b\nFROM a AS B", "FROM a AS b\nFROM a AS c\nFROM a\nFROM a"),
        ("ReservedStageName", "FROM a AS scratch", "FROM scratch"),
        ("JSONArgsRecommended", "FROM a\nCMD b", 'FROM a\nSHELL ["b"]\nCMD c'),
        ("MaintainerDeprecated", "FROM a\nMAINTAINER b", 'FROM a\nLABEL b="c"'),
        ("UndefinedArgInFrom", "FROM a:$V", "ARG V\nFROM a:$V"),
        ("WorkdirRelativePath", "FROM a\nWORKDIR b", "FROM a\nWORKDIR /b\nWORKDIR c"),
        ("WorkdirRelativePath", "FROM a\nWORKDIR b:c", "# escape=`\nFROM a\nWORKDIR C:\\b\nWORKDIR c:/b"),
        ("UndefinedVar", "FROM a\nWORKDIR /$B", "FROM a\nARG B\nENV C=$B D=$HOME$PATH\nWORKDIR /$C"),
        ("UndefinedVar", "FROM a\nWORKDIR /$B", "FROM a\nEXPOSE $B"),
        ("UndefinedVar", "FROM a\nARG B=$C C=1", "FROM a\nARG B=1 C=$B"),
        ("WorkdirRelativePath", "FROM a\nARG B=b\nWORKDIR $B", "FROM a\nARG B=/b\nWORKDIR $B\nWORKDIR 'c'"),
        ("WorkdirRelativePath", "FROM a\nWORKDIR C:\\b", "FROM a\nWORKDIR '/b'"),
        ("SecretsUsedInArgOrEnv", "FROM a\nENV TOKEN$NONE=b", "FROM a\nENV TOKEN$HOME=b"),
        ("UndefinedVar", "FROM a\nADD --checksum=$B http://c/d /", "FROM a\nARG B\nADD --checksum=$B http://c/d /"),
        ("UndefinedVar", "FROM a\nCOPY <<E /\n$B\nE", "FROM a\nCOPY <<'E' /\n$B\nE"),
        ("UndefinedVar", "FROM a\nRUN --mount=type=cache,target=/$B c", "FROM a\nRUN --mount=type=ssh echo $B"),
        ("UndefinedVar", "FROM a\nCOPY --chown=$B c /", "FROM a\nCOPY --exclude=$B c /"),
        ("MultipleInstructionsDisallowed", 'FROM a\nCMD ["b"]\nCMD ["c"]', 'FROM a\nCMD ["b"]\nFROM a\nCMD ["c"]'),
        ("LegacyKeyValueFormat", "FROM a\nENV b c", "FROM a\nENV b=c"),
        ("RedundantTargetPlatform", "FROM --platform=$TARGETPLATFORM a", "FROM --platform=$BUILDPLATFORM a"),
        ("SecretsUsedInArgOrEnv", "FROM a\nARG API_KEY", "FROM a\nENV PUBLIC_KEY=b\nARG monkey"),
        ("InvalidDefaultArgInFrom", "ARG V\nFROM a:$V", "ARG V=1\nFROM a:$V"),
        (
            "FromPlatformFlagConstDisallowed",
            "FROM --platform=linux/arm64 a",
            "FROM --platform=linux/arm64 a AS b-arm64",
        ),
        ("ExposeProtoCasing", "FROM a\nEXPOSE 80/TCP", "FROM a\nEXPOSE 80/tcp"),
        ("ExposeInvalidFormat", "FROM a\nEXPOSE 8080:80", "FROM a\nEXPOSE 80"),
    ],
)
def test_a_rule_warns_of_the_bad_and_not_of_the_good(rule: str, bad: str, good: str) -> None:
    assert rule in [found for found, _line in warnings(bad)]
    assert rule not in [found for found, _line in warnings(good)]


def test_a_clean_file_has_no_warnings() -> None:
    text = 'ARG V=3\nFROM python:$V AS base\nWORKDIR /app\nCOPY . .\nFROM base\nUSER 1\nCMD ["a"]\n'
    assert warnings(text) == []


def test_warnings_come_in_the_order_of_lines_with_the_words_of_buildkit() -> None:
    dockerfile = parse_dockerfile(b"FROM a AS B\nMAINTAINER c\nENV HOEM=$HOMR\n", "Dockerfile")
    assert [str(warning.location) + " " + warning.message for warning in lint(dockerfile, BASES)] == [
        "Dockerfile:1 Stage name 'B' should be lowercase",
        "Dockerfile:2 Maintainer instruction is deprecated in favor of using label",
        "Dockerfile:3 Usage of undefined variable '$HOMR' (did you mean $HOME?)",
    ]


def test_nothing_is_said_of_variables_that_an_unknown_base_may_set() -> None:
    dockerfile = parse_dockerfile(b"FROM a\nWORKDIR /$B\n", "Dockerfile")
    assert lint(dockerfile) == ()


def test_a_shell_of_the_base_makes_its_shell_form_welcome() -> None:
    dockerfile = parse_dockerfile(b"FROM a\nCMD b\n", "Dockerfile")
    assert [warning.rule for warning in lint(dockerfile, {0: Base()})] == ["JSONArgsRecommended"]
    assert lint(dockerfile, {0: Base(has_shell=True)}) == ()


def test_rules_are_skipped_for_the_file_or_for_one_instruction() -> None:
    text = "FROM a\nMAINTAINER b\nENV c d\n"
    assert warnings(text) == [("MaintainerDeprecated", 2), ("LegacyKeyValueFormat", 3)]
    assert warnings("# check=skip=MaintainerDeprecated\n" + text) == [("LegacyKeyValueFormat", 4)]
    assert warnings("# check=skip=all\n" + text) == []
    assert warnings("FROM a\nMAINTAINER b\n# check=skip=LegacyKeyValueFormat\nENV c d\n") == [
        ("MaintainerDeprecated", 2)
    ]


def test_an_experimental_rule_speaks_only_when_asked() -> None:
    text = "# bracket\nFROM a AS base\n"
    assert warnings(text) == []
    assert warnings("# check=experimental=all\n" + text) == [("InvalidDefinitionDescription", 3)]


def test_check_options_are_read() -> None:
    options = parse_check("skip=A, B;error=true")
    assert (sorted(options.skip), options.error) == (["A", "B"], True)


@pytest.mark.parametrize("text", ["skip", "skpi=a", "error=maybe"])
def test_wrong_check_options_are_refused_at_the_top_of_the_file(text: str) -> None:
    with pytest.raises(DockerfileError, match=r"\(Dockerfile:1\)$"):
        warnings(f"# check={text}\nFROM a\n")
