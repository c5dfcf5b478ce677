"""Commands that read their line as Docker's do, and start without what only their help needs."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import click

from brewhouse.errors import DockerfileError, InputError

_SHORT = 2


class Command(click.Command):
    """A command whose flags may have a truth value, as scripts write them: --push=$PUSH."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments as `spelt_out` gives them."""
        options = {
            name: parameter
            for parameter in self.params
            if isinstance(parameter, click.Option)
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        try:
            return super().parse_args(ctx, spelt_out(args, options, mixed=ctx.allow_interspersed_args))
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # click's parser does not say whose line it is
            raise

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option that shows the help."""
        return help_option(*self.get_help_option_names(ctx))


class Group(click.Group):
    """A group of such commands."""

    command_class = Command

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option that shows the help."""
        return help_option(*self.get_help_option_names(ctx))


def spelt_out(args: Sequence[str], options: Mapping[str, click.Option], *, mixed: bool) -> list[str]:
    """Return arguments with options by their long names, and with flags alone or not at all.

    `options` are by their names. ["-qt", "a:1", "--pull=false", "."] gives ["--quiet", "--tag", "a:1", "."], and the
    last of `--pull --pull=false` counts. What follows the first argument that is no option is left as it is unless
    options may be `mixed` with arguments; so is what click refuses. Click finds short names too, but only after it has
    sought them among the long ones, and has thought of what may have been meant, which takes longer than all the rest.
    Raises InputError for a truth value that is neither true nor false. Source: strconv.ParseBool, and spf13/pflag.
    """
    found: list[tuple[str, ...]] = []
    rest = iter(args)
    for arg in rest:
        if arg == "--" or not (mixed or _is_option(arg)):
            found += [(arg,), *((left,) for left in rest)]
            break
        name, equals, value = arg.partition("=")
        option = options.get(name)
        if option is None:
            found += _cluster(arg, options, rest)
        elif not option.is_flag:
            found.append((_long(option, name), *([value] if equals else _next(rest))))
        elif not equals:
            found.append((_long(option, name),))
        else:
            found = [each for each in found if each != (_long(option, name),)]
            found += [(_long(option, name),)] if _is_true(arg, name, value) else []
    return [word for words in found for word in words]


def _is_option(arg: str) -> bool:
    return arg.startswith("-") and arg != "-"


def _cluster(arg: str, options: Mapping[str, click.Option], rest: Iterator[str]) -> list[tuple[str, ...]]:
    """Return what short options written as one mean: "-it", "-tapp:1"; anything else as it is."""
    found: list[tuple[str, ...]] = []
    if not arg.startswith("-") or arg.startswith("--") or len(arg) <= _SHORT:
        return [(arg,)]
    for position, letter in enumerate(arg[1:], start=2):
        option = options.get(f"-{letter}")
        if option is None:
            return [(arg,)]
        name = _long(option, f"-{letter}")
        if not option.is_flag:
            value = arg[position:].removeprefix("=")
            return [*found, (name, *([value] if arg[position:] else _next(rest)))]
        found.append((name,))
    return found


def _next(rest: Iterator[str]) -> list[str]:
    """Return the value that follows an option, if one does."""
    return [value for value in (next(rest, None),) if value is not None]


def _long(option: click.Option, name: str) -> str:
    """Return the first long name of an option that has this one, or this one where it has none."""
    names = option.opts if name in option.opts else option.secondary_opts
    return next((each for each in names if each.startswith("--")), name)


def _is_true(arg: str, name: str, value: str) -> bool:
    from brewhouse.dockerfile.golang import parse_bool

    try:
        return parse_bool(value)
    except DockerfileError as error:
        raise InputError(f"`{arg}` is neither true nor false", hint=f"write {name}, or {name}=false") from error


@cache
def help_option(*names: str) -> click.Option:
    """Return the option that shows the help; click's own asks for translations, which takes 2 ms and finds none."""

    def show(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        if value and not context.resilient_parsing:
            click.echo(context.get_help(), color=context.color)
            context.exit()

    text = "Show this message and exit."
    return click.Option(names, is_flag=True, is_eager=True, expose_value=False, help=text, callback=show)
