"""HEALTHCHECK: the only instruction with times in it.

Source: parseHealthcheck of instructions/parse.go of moby/buildkit's Dockerfile frontend.
"""

from brewhouse.dockerfile.flags import FLAGS, Flags, read_flags
from brewhouse.dockerfile.golang import BLANKS, parse_duration, parse_int32, quote
from brewhouse.dockerfile.instruction import Healthcheck, Location
from brewhouse.dockerfile.syntax import Node
from brewhouse.errors import DockerfileError

_SHORTEST_NANOSECONDS = 1_000_000


def read_healthcheck(node: Node, location: Location) -> Healthcheck:
    """Return the check: "CMD a b" is ("CMD-SHELL", "a b"), 'CMD ["a"]' is ("CMD", "a"), "NONE" turns it off."""
    original = node.original.strip(BLANKS)
    if not node.args:
        raise DockerfileError("HEALTHCHECK requires at least one argument", hint="write HEALTHCHECK CMD command")
    kind, command = node.args[0].upper(), node.args[1:]
    if kind == "NONE":
        if command:
            raise DockerfileError("HEALTHCHECK NONE takes no arguments")
        return Healthcheck(original=original, location=location, test=(kind,))
    flags = read_flags(node.flags, FLAGS["HEALTHCHECK"])
    if kind != "CMD":
        raise DockerfileError(f"unknown type {quote(kind)} in HEALTHCHECK (try CMD)")
    if not command:
        raise DockerfileError("missing command after HEALTHCHECK CMD")
    return Healthcheck(
        original=original,
        location=location,
        test=("CMD" if node.json else "CMD-SHELL", *command),
        interval_nanoseconds=_read_duration(flags, "interval"),
        timeout_nanoseconds=_read_duration(flags, "timeout"),
        start_period_nanoseconds=_read_duration(flags, "start-period"),
        start_interval_nanoseconds=_read_duration(flags, "start-interval"),
        retries=_read_retries(flags),
    )


def _read_duration(flags: Flags, name: str) -> int:
    text = flags.text(name)
    nanoseconds = parse_duration(text) if text else 0
    if nanoseconds and nanoseconds < _SHORTEST_NANOSECONDS:
        raise DockerfileError(f'interval "{name}" cannot be less than 1ms')
    return nanoseconds


def _read_retries(flags: Flags) -> int:
    text = flags.text("retries")
    if not text:
        return 0
    retries = parse_int32(text)
    if retries < 0:
        raise DockerfileError(f"--retries cannot be negative ({retries})")
    return retries
