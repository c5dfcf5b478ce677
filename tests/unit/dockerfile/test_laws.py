"""Laws that hold for any text at all."""

import string
from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from brewhouse.dockerfile.directive import detect
from brewhouse.dockerfile.dockerignore import parse_dockerignore
from brewhouse.dockerfile.excerpt import excerpt
from brewhouse.dockerfile.expand import expand
from brewhouse.dockerfile.instruction import Expose
from brewhouse.dockerfile.lint import lint
from brewhouse.dockerfile.lint_stage import Base
from brewhouse.dockerfile.match import PatternList, match
from brewhouse.dockerfile.parse import parse_dockerfile
from brewhouse.dockerfile.ports import exposed_ports
from brewhouse.dockerfile.words import Rules, process
from brewhouse.errors import DockerfileError

KEYWORDS = ["ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"]
KEYWORDS += ["ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR", "FRUM"]
FRAGMENTS = [
    *" \t\n\\`\"'$#=<>-[]{}:/*?!,.%",
    "\r\n",
    "a",
    "b1",
    "é",
    "日",
    "\ufeff",
    "\x1f",
    "\x00",
    "\u2003",
    "--mount=type=secret,id=a",
    "--from=",
    "--interval=1s",
    "<<EOF",
    "<<-'E O'",
    "EOF\n",
    "${A:-",
    "${A/",
    "${A#",
    '["a", "b"]',
    "[[",
    "CMD",
    "as",
    "1e999",
    "65536",
    "# escape=`\n",
    "#!sh\n",
    "# syntax=x\n",
    "# check=skip=all\n",
    "# check=x\n",
]
NOISE = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=12).map("".join)
LINES = st.builds("{} {}\n".format, st.sampled_from(KEYWORDS), NOISE)
DOCKERFILES = st.builds(lambda noise, lines: noise + "FROM a\n" + "".join(lines), NOISE, st.lists(LINES, max_size=4))
ENVIRONMENT = {"A": "a/b.c", "B": "", "a": 'x "y', "EOF": "8"}
PATTERNS = st.text(st.sampled_from("ab*?[]^-\\/.!:d1é("), max_size=10)


@given(DOCKERFILES | NOISE)
@example("FROM a\nCMD [" + "[" * 50_000)
@example("FROM a\nENV A=" + "${A:-" * 5_000)
@example("FROM a\nEXPOSE " + "0" * 5_000)
@example("FROM a\nHEALTHCHECK --interval=" + "9" * 5_000 + "h CMD a")
@example("FROM a\nRUN --mount=type=tmpfs,target=/a,size=" + "9" * 5_000)
@example("FROM a\nRUN " + "9" * 5_000 + "<<A\nA\n")
@settings(max_examples=400, deadline=None)
def test_any_text_is_parsed_and_expanded_or_refused_with_its_place(text: str) -> None:
    error = refusal(lambda: use(text))
    assert error is None or error.location is not None or not text


def use(text: str) -> None:
    """Do all that can be done with a Dockerfile without building it."""
    dockerfile = parse_dockerfile(text.encode("utf-8", "surrogatepass"), "Dockerfile")
    for stage in dockerfile.stages:
        for instruction in stage.instructions:
            expanded = expand(instruction, ENVIRONMENT, escape=dockerfile.directives.escape)
            if isinstance(expanded, Expose):
                exposed_ports(expanded)
    lint(dockerfile, {0: Base(ENVIRONMENT)})


def refusal(attempt: Callable[[], object]) -> DockerfileError | None:
    try:
        attempt()
    except DockerfileError as error:
        return error
    return None


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_are_parsed_or_refused(text: bytes) -> None:
    alone = refusal(lambda: parse_dockerfile(text, "Dockerfile"))
    behind = refusal(lambda: parse_dockerfile(b"FROM a\nRUN " + text, "Dockerfile"))
    assert all(error is None or error.problem for error in (alone, behind))


@given(DOCKERFILES)
@settings(deadline=None)
def test_nodes_follow_each_other_within_the_file(text: str) -> None:
    try:
        dockerfile = parse_dockerfile(text.encode("utf-8", "surrogatepass"), "Dockerfile")
    except DockerfileError:
        return
    places = [place.location for stage in dockerfile.stages for place in (stage.from_, *stage.instructions)]
    lines = [line for place in places for line in (place.start, place.end)]
    assert lines == sorted(lines)
    assert lines[-1] <= text.count("\n") + 1


@given(st.text(string.ascii_letters + " ./-_:=", max_size=30))
def test_a_word_without_signs_of_the_shell_is_its_own_expansion(text: str) -> None:
    assert process(text, {}, Rules()).text == text
    assert process(text, {}, Rules()).words == tuple(text.split())


@given(st.text(max_size=30).filter(lambda text: "'" not in text and not text.startswith("\ufeff")))
def test_single_quotes_keep_everything(text: str) -> None:
    assert process(f"'{text}'", {}, Rules()).text == text


@given(NOISE, st.text(max_size=20))
def test_any_ignore_file_is_read_or_refused(text: str, path: str) -> None:
    whole = text.encode("utf-8", "surrogatepass")
    error = refusal(lambda: parse_dockerignore(whole, ".dockerignore").matches(path))
    assert error is None or error.location is not None


@given(PATTERNS, st.text("ab/.é*[", max_size=6))
@settings(max_examples=500)
def test_any_pattern_matches_or_is_refused(pattern: str, name: str) -> None:
    try:
        is_match = match(pattern, name)
    except DockerfileError:
        return
    if not set(pattern) & set("*?[\\"):
        assert is_match == (pattern == name)


@given(PATTERNS)
@settings(max_examples=500)
def test_any_pattern_list_matches_or_is_refused(pattern: str) -> None:
    error = refusal(lambda: PatternList([pattern]).matches("a/b/d"))
    assert error is None or error.problem.startswith(("syntax error in pattern", "illegal exclusion"))


@given(st.lists(st.sampled_from(["a", "a/b", "*", "!a", "!a/b", "**/b", "b/**", "!**/b", "!b/c"]), max_size=5))
def test_a_folder_that_holds_no_exceptions_hides_all_below(patterns: list[str]) -> None:
    ignore = parse_dockerignore("\n".join(patterns).encode(), ".dockerignore")
    for folder in ("a", "b", "a/b", "c"):
        if ignore.matches(folder) and not ignore.may_hold_exceptions(folder):
            assert all(ignore.matches(f"{folder}/{name}") for name in ("a", "b", "c", "b/c", "a/b"))


@given(st.text(), st.integers(), st.integers())
def test_an_excerpt_never_fails(text: str, start: int, end: int) -> None:
    assert isinstance(excerpt(text, start, end), str)


@given(NOISE)
def test_a_syntax_directive_is_always_one_word(text: str) -> None:
    assert " " not in detect("syntax", text)
