import pytest

from brewhouse.dockerfile.expand import expand
from brewhouse.dockerfile.instruction import (
    Add,
    Arg,
    Copy,
    Env,
    Expose,
    From,
    InlineFile,
    Instruction,
    Label,
    Mount,
    Run,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from brewhouse.dockerfile.parse import parse_dockerfile
from brewhouse.errors import DockerfileError

ENVIRONMENT = {"V": "3.13", "DIR": "/opt dir", "ME": "1000:100"}


def parsed(text: str) -> Instruction:
    return parse_dockerfile(f"FROM a\n{text}".encode(), "Dockerfile").stages[0].instructions[0]


def test_all_values_of_an_instruction_see_the_environment_before_it() -> None:
    env = expand(parsed("ENV A=$V B=$A C='$V' D=\"$DIR\" E=\\$V $V=x"), ENVIRONMENT)
    assert isinstance(env, Env)
    assert [(pair.key, pair.value) for pair in env.pairs] == [
        ("A", "3.13"),
        ("B", ""),
        ("C", "$V"),
        ("D", "/opt dir"),
        ("E", "$V"),
        ("3.13", "x"),
    ]


def test_labels_paths_users_and_signals_are_expanded() -> None:
    label, workdir, user, signal, volume = (
        expand(parsed(text), ENVIRONMENT)
        for text in ("LABEL v=$V", "WORKDIR $DIR/x", "USER $ME", "STOPSIGNAL SIG${V:+INT}", 'VOLUME ["$DIR"]')
    )
    assert isinstance(label, Label)
    assert label.pairs[0].value == "3.13"
    assert isinstance(workdir, Workdir)
    assert workdir.path == "/opt dir/x"
    assert isinstance(user, User)
    assert user.user == "1000:100"
    assert isinstance(signal, Stopsignal)
    assert signal.signal == "SIGINT"
    assert isinstance(volume, Volume)
    assert volume.paths == ("/opt dir",)


def test_one_word_of_expose_may_become_several_ports() -> None:
    expose = expand(parsed("EXPOSE $PORTS 1"), {"PORTS": "80 443/udp"})
    assert isinstance(expose, Expose)
    assert expose.ports == ("80", "443/udp", "1")


def test_sources_destination_and_flags_of_copy_are_expanded() -> None:
    copy = expand(parsed(r"COPY --chown=$ME --chmod=0$M --exclude=$V/\\*.o a-$V b $DIR/"), {**ENVIRONMENT, "M": "755"})
    assert isinstance(copy, Copy)
    assert (copy.sources, copy.destination) == (("a-3.13", "b"), "/opt dir/")
    assert (copy.chown, copy.chmod, copy.exclude) == ("1000:100", "0755", (r"3.13/\*.o",))


def test_here_documents_of_copy_are_expanded_unless_quoted_with_their_quotes_kept() -> None:
    copy = expand(parsed("COPY <<a <<'b' /\n'$V' \"\\$V\" ${X:-y}\na\n$V\nb\n"), ENVIRONMENT)
    assert isinstance(copy, Copy)
    assert copy.files == (
        InlineFile("a", "'3.13' \"$V\" y\n", expand=False),
        InlineFile("b", "$V\n", expand=False),
    )


def test_the_checksum_of_add_is_expanded() -> None:
    add = expand(parsed("ADD --checksum=sha256:$SUM https://a/$V /"), {**ENVIRONMENT, "SUM": "00"})
    assert isinstance(add, Add)
    assert (add.checksum, add.sources) == ("sha256:00", ("https://a/3.13",))


def test_mounts_are_expanded_and_the_command_of_run_is_not() -> None:
    run = expand(parsed("RUN --mount=type=cache,target=$DIR --mount=from=b,target=/b echo $V"), ENVIRONMENT)
    assert isinstance(run, Run)
    assert run.command.args == ("echo $V",)
    assert run.mounts == (Mount(type="cache", target="/opt dir", read_only=False), Mount(from_="b", target="/b"))


@pytest.mark.parametrize("text", ["CMD $V", "ENTRYPOINT $V", 'SHELL ["$V"]', "HEALTHCHECK CMD $V", "ONBUILD RUN $V"])
def test_what_the_shell_or_a_child_expands_stays_as_it_is(text: str) -> None:
    instruction = parsed(text)
    assert expand(instruction, ENVIRONMENT) == instruction


def test_each_argument_sees_those_before_it_and_a_given_one_keeps_its_default_unread() -> None:
    arg = expand(parsed("ARG A=$V B=$A-b C=${NONE:?no} D=$C E"), ENVIRONMENT, given={"C": "c"})
    assert isinstance(arg, Arg)
    assert [argument.default for argument in arg.arguments] == ["3.13", "3.13-b", "${NONE:?no}", "c", None]


def test_image_and_platform_of_from_are_expanded() -> None:
    from_ = parse_dockerfile(b"FROM --platform=$P python:${V:-3}", "Dockerfile").stages[0].from_
    expanded = expand(from_, {"P": "linux/arm64"})
    assert isinstance(expanded, From)
    assert (expanded.image, expanded.platform) == ("python:3", "linux/arm64")


@pytest.mark.parametrize(
    ("text", "problem"),
    [("FROM $NONE", r"base name \(\$NONE\) should not be blank"), ("FROM --platform=$NONE a", "empty platform value")],
)
def test_a_from_that_expands_to_nothing_is_refused(text: str, problem: str) -> None:
    from_ = parse_dockerfile(text.encode(), "Dockerfile").stages[0].from_
    with pytest.raises(DockerfileError, match=problem):
        expand(from_, {})


@pytest.mark.parametrize("text", ["WORKDIR ${A", "VOLUME $A", "RUN --mount=type=$A,target=/a b", "ENV a=${A:?unset}"])
def test_an_expansion_that_fails_names_its_line(text: str) -> None:
    with pytest.raises(DockerfileError, match=r"\(Dockerfile:2\)$"):
        expand(parsed(text), {})


def test_the_escape_character_of_the_file_is_used() -> None:
    workdir = expand(parsed("WORKDIR C:\\`$V\\$V"), ENVIRONMENT, escape="`")
    assert isinstance(workdir, Workdir)
    assert workdir.path == "C:\\$V\\3.13"
