"""Options of `build` that limit the memory and the processors of steps, as Docker's have them."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import click
import msgspec

from brewhouse.dockerfile.golang import parse_size
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.errors import DockerfileError, InputError
from brewhouse.model import Limits

Command = TypeVar("Command", bound=Callable[..., object])

_UNLIMITED = "-1"
_LEAST_BYTES = 6 << 20  # as in Docker: less, and not even the runtime starts
_OPTIONS = (
    click.option("--cgroup-parent", default="", metavar="GROUP", help="Run steps in a control group below this one."),
    click.option("-m", "--memory", default="", metavar="SIZE", help="Limit the memory of steps: 2g."),
    click.option("--memory-swap", default="", metavar="SIZE", help="Limit memory and swap together; -1 is no limit."),
    click.option("-c", "--cpu-shares", type=int, default=0, help="The weight of steps against others; 1024 is usual."),
    click.option("--cpu-period", type=int, default=0, metavar="MICROSECONDS", help="The time that --cpu-quota is of."),
    click.option("--cpu-quota", type=int, default=0, metavar="MICROSECONDS", help="Limit the processor time of steps."),
    click.option("--cpuset-cpus", default="", metavar="LIST", help="Use these processors: 0-2,4."),
    click.option("--cpuset-mems", default="", metavar="LIST", help="Use the memory of these nodes: 0,1."),
    click.option("--resource", multiple=True, metavar="KEY=VALUE", help="One of these limits, as memory=2g."),
)
_RESOURCES = ("memory", "memory-swap", "cpu-shares", "cpu-period", "cpu-quota", "cpuset-cpus", "cpuset-mems")


class _Line(msgspec.Struct, frozen=True):
    """The options."""

    cgroup_parent: str
    memory: str
    memory_swap: str
    cpu_shares: int
    cpu_period: int
    cpu_quota: int
    cpuset_cpus: str
    cpuset_mems: str
    resource: tuple[str, ...]


def limit_options(command: Command) -> Command:
    """Add the options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_limits(given: Mapping[str, object]) -> Limits:
    """Return what the options mean; raises InputError for a size that is none, and for swap without memory."""
    line = _with_resources(msgspec.convert(given, _Line))
    memory = read_size("--memory", line.memory)
    swap = -1 if line.memory_swap == _UNLIMITED else read_size("--memory-swap", line.memory_swap)
    if 0 < memory < _LEAST_BYTES:
        raise InputError(f"--memory {line.memory} is too little for any command", hint="give 6m at least")
    if swap > 0 and not memory:
        raise InputError("--memory-swap is the limit of memory and swap together", hint="add --memory")
    if 0 < swap < memory:
        raise InputError("--memory-swap is less than --memory, which is a part of it", hint="give at least as much")
    if ".." in line.cgroup_parent.split("/"):
        raise InputError(f"`--cgroup-parent {line.cgroup_parent}` is no control group", hint="name one: /builds")
    return Limits(
        memory,
        swap,
        line.cpu_shares,
        line.cpu_period,
        line.cpu_quota,
        line.cpuset_cpus,
        line.cpuset_mems,
        line.cgroup_parent,
    )


def _with_resources(line: _Line) -> _Line:
    """Return the options with what `--resource` says in theirs; raises InputError for what none of them takes.

    Source: buildx 0.35, whose one option is for all limits.
    """
    found: dict[str, str | int] = {}
    for text in line.resource:
        key, _, value = text.partition("=")
        name = key.replace("-", "_")
        if key not in _RESOURCES or not value:
            mend = f"write KEY=VALUE with one of {', '.join(_RESOURCES)}"
            raise InputError(f"`--resource {text}` is no limit{did_you_mean(key, _RESOURCES)}", hint=mend)
        if name in found or getattr(line, name):
            raise InputError(f"the limit {key} is given twice", hint="give it once")
        try:
            found[name] = int(value) if isinstance(getattr(line, name), int) else value
        except ValueError:
            raise InputError(f"`--resource {text}` is no whole number", hint=f"write {key}=50000") from None
    return msgspec.structs.replace(line, **found)


def read_size(option: str, text: str) -> int:
    """Return the bytes of "128m", 0 where nothing is said; raises InputError for what is no size."""
    try:
        return parse_size(text) if text else 0
    except DockerfileError as error:
        raise InputError(f"`{option} {text}` is not a size", hint=f"write {option} 128m") from error
