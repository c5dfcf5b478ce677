"""What RUN, CMD and ENTRYPOINT run: words, or a here-document as a script: pure."""

import msgspec

from brewhouse.dockerfile.heredoc import chop_tabs, parse_heredoc
from brewhouse.dockerfile.instruction import CommandLine
from brewhouse.errors import DockerfileError
from brewhouse.oci.document import ContainerConfig

INLINE_FOLDER = "/dev/pipes"
_DEFAULT_SHELL = ("/bin/sh", "-c")


class Script(msgspec.Struct, frozen=True):
    """A here-document that starts with `#!`: a file below /dev/pipes, whose interpreter the kernel finds."""

    name: str
    content: str


def command_args(command: CommandLine, config: ContainerConfig) -> tuple[str, ...]:
    """Return the words of a command; the shell form is one word behind the shell's."""
    if not command.shell:
        return command.args
    return (*(config.shell or _DEFAULT_SHELL), " ".join(command.args))


def process_args(command: CommandLine, config: ContainerConfig) -> tuple[tuple[str, ...], Script | None]:
    """Return the words that RUN starts, and the script file that a here-document with `#!` becomes.

    Alone on its line, a here-document is the shell's script; beside other words it is written out again, for the shell
    to read. Source: dispatchRun of dockerfile2llb in moby/buildkit.
    """
    if not command.heredocs:
        return command_args(command, config), None
    first = command.heredocs[0]
    script = None
    if _is_alone(command.args[0]):
        text = chop_tabs(first.content) if first.chomp else first.content
        if text.startswith("#!"):
            script = Script(first.name, text)
            text = f"{INLINE_FOLDER}/{first.name}"
    else:
        written = (f"{document.content}{document.name}" for document in command.heredocs)
        text = "\n".join([command.args[0], *written])
    return command_args(msgspec.structs.replace(command, args=(text,)), config), script


def _is_alone(text: str) -> bool:
    """Tell whether a command is nothing but the announcement of a here-document."""
    try:
        return parse_heredoc(text) is not None
    except DockerfileError:
        return False
