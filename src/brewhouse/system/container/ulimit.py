"""Limits of processes as `--ulimit` writes them: "nofile=1024:2048".

Source: ulimit.go of docker/go-units.
"""

import re
import resource
from collections.abc import Iterable

from brewhouse.errors import InputError
from brewhouse.model import Ulimit

_NAMES = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio"),
    *("rttime", "sigpending", "stack"),
)
_NUMBER = r"-1|[0-9]{1,18}"


def parse_ulimit(text: str) -> Ulimit:
    """Return the limit that "name=soft[:hard]" means; a single number is both, -1 is no limit."""
    name, equals, values = text.partition("=")
    soft, colon, hard = values.partition(":")
    if not equals or not re.fullmatch(_NUMBER, soft) or not re.fullmatch(_NUMBER, hard if colon else soft):
        raise InputError(f"invalid ulimit argument: {text}", hint="write --ulimit nofile=1024:2048")
    if name.lower() not in _NAMES:
        raise InputError(f"invalid ulimit type: {name}", hint=f"known: {', '.join(_NAMES)}")
    limit = Ulimit(name.lower(), int(soft), int(hard if colon else soft))
    if limit.hard != -1 and not -1 < limit.soft <= limit.hard:
        raise InputError(f"ulimit soft limit must be less than or equal to hard limit: {limit.soft} > {limit.hard}")
    return limit


def allow_ulimits(limits: Iterable[Ulimit]) -> None:
    """Raise our own hard limits to what is wanted, for the processes that inherit them.

    A sandbox may go below what it inherits, never above. Raises InputError where this machine forbids it.
    """
    for limit in limits:
        number = getattr(resource, f"RLIMIT_{limit.name.upper()}", None)
        if number is None:  # locks: a limit that Linux has not heeded since 2.4
            continue
        soft, hard = resource.getrlimit(number)
        if hard == resource.RLIM_INFINITY or -1 < limit.hard <= hard:
            continue
        try:
            resource.setrlimit(number, (soft, limit.hard))
        except (OSError, ValueError):
            mend = "ask for less, or raise it where brewhouse is started from"
            raise InputError(
                f"this machine allows {limit.name} of {hard} at most, not {limit.hard}", hint=mend
            ) from None
