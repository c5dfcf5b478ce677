"""Options of `docker buildx build` that mean nothing here, or cannot be had here: what becomes of each, and why.

Source: buildCmd of commands/build.go in docker/buildx, which has most of them hidden, and passes over them too.
"""

import sys
from typing import Literal, TypeAlias

import click
import msgspec

from brewhouse.errors import InputError

Fate: TypeAlias = Literal["ignored", "warned", "refused"]


class Foreign(msgspec.Struct, frozen=True):
    """An option under all its names, with what becomes of it; `reason` stands in the reference and in messages.

    `mend` is how to have the same in another way, for what is refused.
    """

    names: tuple[str, ...]
    fate: Fate
    reason: str
    mend: str = ""
    is_flag: bool = False


FOREIGN = (
    Foreign(("--builder",), "ignored", "there is one builder, which this machine is"),
    Foreign(("--rm",), "ignored", "no step leaves a container behind", is_flag=True),
    Foreign(("--force-rm",), "ignored", "no step leaves a container behind", is_flag=True),
    Foreign(("--compress",), "ignored", "no context is sent anywhere", is_flag=True),
    Foreign(("--isolation",), "warned", "steps run in one kind of sandbox"),
    Foreign(("--security-opt",), "warned", "steps run in one kind of sandbox"),
    Foreign(("--squash",), "warned", "a stage that copies from another makes one layer of it", is_flag=True),
    Foreign(
        ("--policy",),
        "refused",
        "policies in Rego are not evaluated",
        "name a source policy: EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=FILE",
    ),
)


def foreign_options() -> list[click.Parameter]:
    """Return the options, hidden, each of which does at once what becomes of it."""
    return [_option(foreign) for foreign in FOREIGN]


def _option(foreign: Foreign) -> click.Option:
    def take(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        if not value or context.resilient_parsing:
            return
        name = foreign.names[0]
        if foreign.fate == "refused":
            raise InputError(f"{name} is not supported: {foreign.reason}", hint=foreign.mend)
        if foreign.fate == "warned":
            print(f"warning: {name} is ignored: {foreign.reason}", file=sys.stderr)

    return click.Option(
        list(foreign.names),
        is_flag=foreign.is_flag,
        multiple=not foreign.is_flag,
        expose_value=False,
        hidden=True,
        callback=take,
    )
