import pytest

from brewhouse.build.run.command import Script, command_args, process_args
from brewhouse.dockerfile.instruction import CommandLine, Heredoc
from brewhouse.oci.document import ContainerConfig

DEFAULT = ContainerConfig()
BASH = ContainerConfig(shell=("/bin/bash", "-ec"))  # noqa: S604 - a field of this name


def shell(text: str, *documents: Heredoc) -> CommandLine:
    return CommandLine((text,), shell=True, heredocs=documents)  # noqa: S604 - a field of this name


def test_the_shell_form_is_one_word_behind_the_shell() -> None:
    assert command_args(shell("a && b"), DEFAULT) == ("/bin/sh", "-c", "a && b")
    assert command_args(shell("a && b"), BASH) == ("/bin/bash", "-ec", "a && b")


def test_the_exec_form_has_no_shell() -> None:
    assert command_args(CommandLine(("a", "$b"), shell=False), BASH) == ("a", "$b")


@pytest.mark.parametrize(
    ("command", "text", "script"),
    [
        (shell("<<EOF", Heredoc("EOF", "make\nmake install\n")), "make\nmake install\n", None),
        (shell("<<-EOF", Heredoc("EOF", "\tmake\n", chomp=True)), "make\n", None),
        (
            shell("<<RUN", Heredoc("RUN", "#!/usr/bin/env python\nprint()\n")),
            "/dev/pipes/RUN",
            Script("RUN", "#!/usr/bin/env python\nprint()\n"),
        ),
        (
            shell("<<-RUN", Heredoc("RUN", "\t#!/bin/awk -f\n\tBEGIN {}\n", chomp=True)),
            "/dev/pipes/RUN",
            Script("RUN", "#!/bin/awk -f\nBEGIN {}\n"),
        ),
        (shell("cat <<A", Heredoc("A", "#!x\n")), "cat <<A\n#!x\nA", None),
        (shell("cat <<A - 3<<B", Heredoc("A", "a\n"), Heredoc("B", "b\n")), "cat <<A - 3<<B\na\nA\nb\nB", None),
    ],
)
def test_a_here_document_is_a_script_or_written_out_for_the_shell(
    command: CommandLine, text: str, script: Script | None
) -> None:
    assert process_args(command, DEFAULT) == (("/bin/sh", "-c", text), script)
