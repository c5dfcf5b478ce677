"""What click finds wrong with a command line, as an error of ours."""

import click

from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.errors import InputError


def usage_error(error: click.UsageError) -> InputError:
    """Return the error in one line, with what may have been meant, and whose help to ask.

    "no such option '--lable' (did you mean --label?)"
    """
    context = error.ctx
    path = context.command_path if context else "brewhouse"
    known: list[str] = []
    word, said = "", error.format_message()
    if isinstance(error, click.NoSuchOption):
        word, said = error.option_name, error.message
        known = [name for parameter in (error.cmd.params if error.cmd else []) for name in parameter.opts]
    elif isinstance(error, click.exceptions.NoSuchCommand):
        word, said = error.command_name, error.message
        known = error.cmd.list_commands(context) if isinstance(error.cmd, click.Group) and context else []
    # Of a single letter every other would be a near miss.
    meant = did_you_mean(word, known) if len(word.lstrip("-")) > 1 else ""
    return InputError(f"{said[:1].lower()}{said[1:].rstrip('.')}{meant}", hint=f"see: {path} --help")
