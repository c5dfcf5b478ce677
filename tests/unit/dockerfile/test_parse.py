from collections.abc import Callable

import pytest

from brewhouse.dockerfile.instruction import (
    Add,
    Arg,
    Argument,
    Cmd,
    CommandLine,
    Copy,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Heredoc,
    InlineFile,
    Instruction,
    Label,
    Location,
    Maintainer,
    Mount,
    Onbuild,
    Pair,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from brewhouse.dockerfile.parse import parse_dockerfile, parse_trigger
from brewhouse.errors import DockerfileError

SECOND = 1_000_000_000


def parse_one(text: str) -> Instruction:
    (stage,) = parse_dockerfile(f"FROM debian\n{text}".encode(), "Dockerfile").stages
    (instruction,) = stage.instructions
    return instruction


def shell(text: str, *heredocs: Heredoc) -> CommandLine:
    return CommandLine((text,), shell=True, heredocs=heredocs)  # noqa: S604 - a form of writing; nothing is run


INSTRUCTIONS: dict[str, Callable[[str, Location], Instruction]] = {
    "RUN apt-get  update": lambda o, at: Run(original=o, location=at, command=shell("apt-get  update")),
    'RUN ["a", "b\\u00e9"]': lambda o, at: Run(original=o, location=at, command=CommandLine(("a", "bé"), shell=False)),
    "RUN ['a']": lambda o, at: Run(original=o, location=at, command=shell("['a']")),
    "RUN --network=none --security=insecure --device=x true": lambda o, at: Run(
        original=o, location=at, command=shell("true"), network="none", security="insecure", devices=("x",)
    ),
    "RUN --mount=target=/a,from=b --mount='type=cache,target=$C' true": lambda o, at: Run(
        original=o,
        location=at,
        command=shell("true"),
        mount_flags=("target=/a,from=b", "type=cache,target=$C"),
        mounts=(Mount(from_="b"), Mount()),
    ),
    "COPY --from=build --chown=1:2 --chmod=u=rw --link --parents --exclude=*.o --exclude=.git a b /c/": (
        lambda o, at: Copy(
            original=o,
            location=at,
            sources=("a", "b"),
            destination="/c/",
            from_="build",
            chown="1:2",
            chmod="u=rw",
            link=True,
            parents=True,
            exclude=("*.o", ".git"),
        )
    ),
    'COPY ["a b", "/c"]': lambda o, at: Copy(original=o, location=at, sources=("a b",), destination="/c"),
    "COPY -- --a /c": lambda o, at: Copy(original=o, location=at, sources=("--a",), destination="/c"),
    "ADD --checksum=sha256:0 --keep-git-dir --unpack=false https://a/b.tar /c": lambda o, at: Add(
        original=o,
        location=at,
        sources=("https://a/b.tar",),
        destination="/c",
        checksum="sha256:0",
        keep_git_dir=True,
        unpack=False,
    ),
    "ENV a=1 b='x y' c=\\ z": lambda o, at: Env(
        original=o, location=at, pairs=(Pair("a", "1"), Pair("b", "'x y'"), Pair("c", "\\ z"))
    ),
    "ENV a  b c": lambda o, at: Env(original=o, location=at, pairs=(Pair("a", "b c", legacy=True),)),
    'LABEL "a b"=c': lambda o, at: Label(original=o, location=at, pairs=(Pair('"a b"', "c"),)),
    "ARG a b= c=d": lambda o, at: Arg(
        original=o, location=at, arguments=(Argument("a"), Argument("b", ""), Argument("c", "d"))
    ),
    "WORKDIR a b": lambda o, at: Workdir(original=o, location=at, path="a b"),
    "USER $USER": lambda o, at: User(original=o, location=at, user="$USER"),
    "CMD echo": lambda o, at: Cmd(original=o, location=at, command=shell("echo")),
    "CMD []": lambda o, at: Cmd(original=o, location=at, command=CommandLine((), shell=False)),
    'ENTRYPOINT ["a"]': lambda o, at: Entrypoint(original=o, location=at, command=CommandLine(("a",), shell=False)),
    "EXPOSE 90 80/udp": lambda o, at: Expose(original=o, location=at, ports=("80/udp", "90")),
    "VOLUME /a /b": lambda o, at: Volume(original=o, location=at, paths=("/a", "/b")),
    "STOPSIGNAL SIGINT": lambda o, at: Stopsignal(original=o, location=at, signal="SIGINT"),
    "HEALTHCHECK none": lambda o, at: Healthcheck(original=o, location=at, test=("NONE",)),
    "HEALTHCHECK --interval=1m --timeout=3s --start-period=0 --start-interval=5ms --retries=2 CMD true": (
        lambda o, at: Healthcheck(
            original=o,
            location=at,
            test=("CMD-SHELL", "true"),
            interval_nanoseconds=60 * SECOND,
            timeout_nanoseconds=3 * SECOND,
            start_interval_nanoseconds=5_000_000,
            retries=2,
        )
    ),
    'HEALTHCHECK CMD ["a", "b"]': lambda o, at: Healthcheck(original=o, location=at, test=("CMD", "a", "b")),
    'SHELL ["/bin/bash", "-c"]': lambda o, at: Shell(original=o, location=at, args=("/bin/bash", "-c")),
    "ONBUILD  RUN --network=none a": lambda o, at: Onbuild(original=o, location=at, trigger="RUN --network=none a"),
    "MAINTAINER Jo <jo@a>": lambda o, at: Maintainer(original=o, location=at, author="Jo <jo@a>"),
}


@pytest.mark.parametrize("text", INSTRUCTIONS)
def test_an_instruction_is_read(text: str) -> None:
    assert parse_one(text) == INSTRUCTIONS[text](text, Location("Dockerfile", 2, 2))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("RUM true", r"unknown instruction: RUM \(did you mean RUN\?\)"),
        ("frum a", r"unknown instruction: frum \(did you mean from\?\)"),
        ("XYZZY", r"unknown instruction: XYZZY \("),
        ("RUN --mont=target=/a true", r"unknown flag: --mont \(did you mean mount\?\)"),
        ("RUN --mount true", "missing a value on flag: --mount"),
        ("RUN --mount=from=$A true", "'from' doesn't support variable expansion"),
        ("RUN --network=nun true", r'invalid network mode: "nun" \(did you mean none\?\)'),
        ("RUN --security=lax true", 'security "lax" is not valid'),
        ("COPY --link=maybe a b", "expecting boolean value for flag --link, not: maybe"),
        ("COPY --link= a b", "missing a value on flag: --link"),
        ("COPY --chown=1 --chown=2 a b", "duplicate flag specified: --chown"),
        ("COPY --from=$A a b", "variable expansion is not supported for --from"),
        ("COPY --checksum=a a b", "unknown flag: --checksum"),
        ("COPY a", "COPY requires at least two arguments"),
        ("ADD a <<b\nb", "ADD cannot accept a heredoc as a destination"),
        ("ENV a", "ENV must have two arguments"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV a=b c", 'can\'t find = in "c"'),
        ("ENV =b", "ENV names can not be blank"),
        ("ARG", "ARG requires at least one argument"),
        ("ARG =b", "ARG names can not be blank"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("USER --x me", "unknown flag: --x"),
        ("EXPOSE", "EXPOSE requires at least one argument"),
        ('VOLUME ["a", " "]', "VOLUME specified can not be an empty string"),
        ('CMD ["a", 1]', "arrays must be comprised of strings only"),
        ("SHELL /bin/sh -c", "SHELL requires the arguments to be in JSON form"),
        ("SHELL []", "SHELL requires at least one argument"),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
        ("HEALTHCHECK NONE a", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK CMD", "missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK PING a", 'unknown type "PING" in HEALTHCHECK'),
        ("HEALTHCHECK CMD\u2003a", r'unknown type "CMD\\u2003A" in HEALTHCHECK'),
        ("HEALTHCHECK --interval=1us CMD a", 'interval "interval" cannot be less than 1ms'),
        ("HEALTHCHECK --timeout=5 CMD a", 'time: missing unit in duration "5"'),
        ("HEALTHCHECK --timeout=5d1s CMD a", 'time: unknown unit "d" in duration "5d1s"'),
        ("HEALTHCHECK --timeout=five CMD a", 'time: invalid duration "five"'),
        ("HEALTHCHECK --retries=-1 CMD a", r"--retries cannot be negative \(-1\)"),
        ("HEALTHCHECK --retries=many CMD a", 'strconv.ParseInt: parsing "many": invalid syntax'),
        ("HEALTHCHECK --retries=2147483648 CMD a", 'strconv.ParseInt: parsing "2147483648": value out of range'),
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("ONBUILD ONBUILD RUN a", "chaining ONBUILD"),
        ("ONBUILD FROM a", "FROM isn't allowed as an ONBUILD trigger"),
        ("FROM a b", "FROM requires either one or three arguments"),
        ("FROM a AS 1b", 'invalid name for build stage: "1b"'),
        ("RUN <<A\nb", "unterminated heredoc"),
        ("RUN " + "a" * 65_535, "dockerfile line greater than max allowed size of 65535"),
    ],
)
def test_a_fault_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(DockerfileError, match=problem) as caught:
        parse_dockerfile(f"FROM debian\n{text}\n".encode(), "Dockerfile")
    assert caught.value.location
    assert caught.value.message.endswith(f"(Dockerfile:{caught.value.location.start})")
    assert caught.value.location.start == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "the Dockerfile cannot be empty"),
        (b"\n# nothing\n", "file with no instructions"),
        (b"RUN true\nFROM a\n", "no build stage in current context"),
        (b"ARG a\n", "dockerfile contains no stages to build"),
        (b"# escape=x\nFROM a", "invalid escape token 'x'"),
        (b"# escape=x\n# escape=`\nFROM a", "invalid escape token 'x'"),
        (b"# syntax=a\n# SYNTAX=b\nFROM a", "only one syntax parser directive can be used"),
    ],
)
def test_a_file_without_stages_or_with_wrong_directives_is_refused(text: bytes, problem: str) -> None:
    with pytest.raises(DockerfileError, match=problem):
        parse_dockerfile(text, "Dockerfile")


def test_stages_have_names_indexes_and_what_they_stand_on() -> None:
    text = b"ARG V=3\nFROM --platform=$BUILDPLATFORM python:$V AS Build\nRUN a\nfrom build\ncopy --from=0 a b\n"
    dockerfile = parse_dockerfile(text, "Dockerfile")
    assert [arg.arguments for arg in dockerfile.global_args] == [(Argument("V", "3"),)]
    build, last = dockerfile.stages
    assert (build.name, build.index, build.from_.alias, build.from_.image) == ("build", 0, "Build", "python:$V")
    assert (build.from_.platform, len(build.instructions)) == ("$BUILDPLATFORM", 1)
    assert (last.name, last.index, last.from_.image, last.from_.original) == ("", 1, "build", "from build")


def test_continued_lines_are_joined_without_comments_and_empty_lines() -> None:
    text = b"FROM a\nRUN b \\\n # no\n\n   c\\  \n\td\nUSER e\n"
    dockerfile = parse_dockerfile(text, "Dockerfile")
    run, user = dockerfile.stages[0].instructions
    assert run.original == "RUN b    c\td"
    assert (run.location, user.location) == (Location("Dockerfile", 2, 6), Location("Dockerfile", 7, 7))
    assert [(warning.rule, warning.location.start) for warning in dockerfile.warnings] == [("NoEmptyContinuation", 6)]


def test_an_escaped_backslash_at_the_end_continues_nothing() -> None:
    assert len(parse_dockerfile(b"FROM a\nRUN b\\\\\nRUN c\n", "Dockerfile").stages[0].instructions) == 2


def test_the_escape_directive_changes_what_continues_a_line() -> None:
    dockerfile = parse_dockerfile(b"# escape=`\nFROM a\nRUN b `\n c\\\nCOPY d C:\\\n", "Dockerfile")
    assert dockerfile.directives.escape == "`"
    assert [instruction.original for instruction in dockerfile.stages[0].instructions] == ["RUN b  c\\", "COPY d C:\\"]


def test_a_byte_order_mark_carriage_returns_and_bytes_that_are_no_utf8_are_borne() -> None:
    dockerfile = parse_dockerfile(b"\xef\xbb\xbf# nal\xe9\r\nFROM a\r\nRUN b \\\r\n c\r\n", "Dockerfile")
    assert dockerfile.stages[0].instructions[0].original == "RUN b  c"


def test_comments_above_describe_stages_and_arguments() -> None:
    text = b"# V the version\nARG V\n\n# other\n# base what all share\nFROM a AS base\n"
    dockerfile = parse_dockerfile(text, "Dockerfile")
    assert dockerfile.global_args[0].arguments[0].description == "the version"
    assert dockerfile.stages[0].description == "what all share"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("RUN <<EOF\na\nb\nEOF", shell("<<EOF", Heredoc("EOF", "a\nb\n"))),
        ("RUN <<-'E F'\n\ta\n\tE F", shell("<<-'E F'", Heredoc("E F", "\ta\n", expand=False, chomp=True))),
        (
            "RUN 3<<A cat <<B >x\n1\nA\n2\nB",
            shell("3<<A cat <<B >x", Heredoc("A", "1\n", file_descriptor=3), Heredoc("B", "2\n")),
        ),
        ("RUN echo '<<A'", shell("echo '<<A'")),
        ('RUN echo "<<A', shell('echo "<<A')),
        ("RUN a <<<b", shell("a <<<b")),
        ('RUN ["<<A"]', CommandLine(("<<A",), shell=False)),
    ],
)
def test_here_documents_of_run_are_read(text: str, command: CommandLine) -> None:
    run = parse_one(text)
    assert isinstance(run, Run)
    assert run.command == command
    assert run.location == Location("Dockerfile", 2, 2 + text.count("\n"))


def test_here_documents_of_copy_are_files() -> None:
    copy = parse_one("COPY <<a.txt a <<-'b' /dir/\nx $Y\na.txt\n\t\tz\n\tb\n")
    assert isinstance(copy, Copy)
    assert (copy.sources, copy.destination) == (("a",), "/dir/")
    assert copy.files == (InlineFile("a.txt", "x $Y\n"), InlineFile("b", "z\n", expand=False))


def test_a_trigger_keeps_its_here_documents_and_is_read_again_in_the_child_build() -> None:
    onbuild = parse_one("onbuild COPY <<a /b\nc\na\n")
    assert isinstance(onbuild, Onbuild)
    assert onbuild.trigger == "COPY <<a /b\nc\na"
    place_of_from = Location("child/Dockerfile", 3, 3)
    copy = parse_trigger(onbuild.trigger, location=place_of_from)
    assert isinstance(copy, Copy)
    assert (copy.files, copy.location) == ((InlineFile("a", "c\n"),), place_of_from)


@pytest.mark.parametrize(
    ("words", "name", "file_descriptor"),
    [("<< E", "E", 0), ("cat <<\t 'E'", "E", 0), ("3<<  E cat", "E", 3), ("cat << -E", "-E", 0)],
)
def test_a_here_document_may_be_named_behind_blanks(words: str, name: str, file_descriptor: int) -> None:
    instruction = parse_one(f"RUN {words}\na\n{name}\n")
    assert isinstance(instruction, Run)
    (document,) = instruction.command.heredocs
    assert (document.name, document.file_descriptor, document.content) == (name, file_descriptor, "a\n")


@pytest.mark.parametrize(
    "words", ["cat <<- E", "cat <<-", "cat <<", "cat << <E", "cat a<< E", "cat '<< E'", "cat <<< E"]
)
def test_what_only_looks_like_a_here_document_is_left_to_the_shell(words: str) -> None:
    instruction = parse_one(f"RUN {words}\n")
    assert isinstance(instruction, Run)
    assert instruction.command.heredocs == ()


@pytest.mark.parametrize("trigger", ["RUN a\nRUN b", "FROM a", "ONBUILD RUN a", "NOPE", "", "RUN <<A"])
def test_a_trigger_that_is_no_single_instruction_is_refused_at_the_child(trigger: str) -> None:
    with pytest.raises(DockerfileError, match=r"\(Dockerfile:9\)$"):
        parse_trigger(trigger, location=Location("Dockerfile", 9, 9))
