"""Write `reference/commands.md` from the commands themselves: python docs/commands.py > docs/reference/commands.md."""

from collections.abc import Iterator

import click

from brewhouse.cli.main import cli

_INTRODUCTION = """# Commands

Options that stand before the command: `brewhouse [OPTIONS] COMMAND`. Data goes to stdout, talk to stderr.

Exit status: 0 done; 1 the work failed (a build step, a check, a push); 2 the input is wrong, or this machine lacks
something (a program, a right, space, a way to a server), and nothing was changed.
`run` ends with the status of the command.

This page is made from the commands by `docs/commands.py`; a test holds the two together.
"""


def reference() -> str:
    """Return the page."""
    context = click.Context(cli, info_name="brewhouse")
    return "\n".join([_INTRODUCTION, *_command(cli, context, "brewhouse")])


def _command(command: click.Command, context: click.Context, name: str) -> Iterator[str]:
    yield f"## `{name}`\n"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"    {name} {usage}\n"
    yield from map(_paragraph, (command.help or "").split("\n\n"))
    rows = [_row(parameter, context) for parameter in command.get_params(context)]
    options = [row for row in rows if row]
    if options:
        yield "| option | meaning |\n|---|---|"
        yield "\n".join(options) + "\n"
    if isinstance(command, click.Group):
        for child_name in command.list_commands(context):
            child = command.get_command(context, child_name)
            if child and not child.hidden:
                below = click.Context(child, info_name=child_name, parent=context)
                yield from _command(child, below, f"{name} {child_name}")


def _paragraph(text: str) -> str:
    """Return a paragraph of a help; click leaves the lines of those that begin with a backspace as they are."""
    if text.strip().startswith("\b\n"):
        return "\n".join(f"    {line.strip()}" for line in text.strip().splitlines()[1:]) + "\n"
    return " ".join(text.split()) + "\n"


def _row(parameter: click.Parameter, context: click.Context) -> str:
    record = parameter.get_help_record(context)
    if record is None or "--help" in parameter.opts:
        return ""
    option, meaning = (text.replace("|", "\\|") for text in record)
    return f"| `{option}` | {meaning} |"


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201 - a program of its own
