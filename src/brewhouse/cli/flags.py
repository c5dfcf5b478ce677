"""Flags as Docker's commands take them: `--pull`, and also `--pull=true` and `--pull=false`."""

from collections.abc import Collection, Sequence

import click

from brewhouse.dockerfile.golang import parse_bool
from brewhouse.errors import DockerfileError, InputError


class FlagCommand(click.Command):
    """A command whose flags may have a truth value, as scripts write them: --push=$PUSH."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments without the truth values."""
        flags = {
            name
            for parameter in self.params
            if isinstance(parameter, click.Option) and parameter.is_flag
            for name in parameter.opts
        }
        return super().parse_args(ctx, plain_flags(args, flags))


def plain_flags(args: Sequence[str], flags: Collection[str]) -> list[str]:
    """Return arguments in which flags stand alone, or not at all: the last of `--pull --pull=false` counts.

    Raises InputError for what is neither true nor false. Source: strconv.ParseBool, by which Docker reads flags.
    """
    found: list[str] = []
    for position, arg in enumerate(args):
        if arg == "--":
            return [*found, *args[position:]]
        name, equals, value = arg.partition("=")
        if not equals or name not in flags:
            found.append(arg)
            continue
        found = [each for each in found if each != name]
        try:
            found += [name] if parse_bool(value) else []
        except DockerfileError as error:
            raise InputError(f"`{arg}` is neither true nor false", hint=f"write {name}, or {name}=false") from error
    return found
