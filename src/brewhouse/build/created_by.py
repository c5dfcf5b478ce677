"""The texts of history entries, letter for letter as BuildKit writes them.

Source: commitToHistory and its callers in dockerfile2llb of moby/buildkit; Go's fmt verbs %q, %v and %+v.
"""

from collections.abc import Iterable, Sequence

from brewhouse.dockerfile.golang import quote
from brewhouse.dockerfile.instruction import Add, Copy, Healthcheck, Pair

_NANOSECONDS = 1_000_000_000


def quoted_list(words: Sequence[str]) -> str:
    """Return what Go's %q makes of a list: ["sh" "-c" "make all"]."""
    return "[" + " ".join(quote(word) for word in words) + "]"


def plain_list(words: Iterable[str]) -> str:
    """Return what Go's %v makes of a list: [/data /var/log]."""
    return "[" + " ".join(words) + "]"


def run_text(args: Sequence[str], arguments: Iterable[tuple[str, str]]) -> str:
    """Return "RUN |1 v=1 /bin/sh -c make # buildkit": the build arguments in scope stand before the command."""
    values = [f"{name}={value}" for name, value in arguments]
    return "RUN " + " ".join([*([f"|{len(values)}", *values] if values else []), *args]) + " # buildkit"


def copy_text(instruction: Copy | Add) -> str:
    """Return "COPY --chown=1 a b /dir/ # buildkit": the flags that change content, the sources, the destination."""
    words = ["ADD" if isinstance(instruction, Add) else "COPY"]
    if isinstance(instruction, Copy) and instruction.parents:
        words.append("--parents")
    if instruction.chown:
        words.append(f"--chown={instruction.chown}")
    if instruction.chmod:
        words.append(f"--chmod={instruction.chmod}")
    words += [*instruction.sources, *(f"<<{file.name}" for file in instruction.files), instruction.destination]
    return " ".join(words) + " # buildkit"


def pairs_text(keyword: str, pairs: Iterable[Pair]) -> str:
    """Return "ENV a=1 b=2", also for the legacy form with a blank."""
    return " ".join([keyword, *(f"{pair.key}={pair.value}" for pair in pairs)])


def healthcheck_text(check: Healthcheck) -> str:
    """Return "HEALTHCHECK {Test:[CMD true] Interval:30s ... Retries:3}"."""
    fields = [
        f"Test:{plain_list(check.test)}",
        f"Interval:{duration(check.interval_nanoseconds)}",
        f"Timeout:{duration(check.timeout_nanoseconds)}",
        f"StartPeriod:{duration(check.start_period_nanoseconds)}",
        f"StartInterval:{duration(check.start_interval_nanoseconds)}",
        f"Retries:{check.retries}",
    ]
    return "HEALTHCHECK {" + " ".join(fields) + "}"


def duration(nanoseconds: int) -> str:
    """Return a duration as Go prints it: 0s, 1.5ms, 30s, 1m30s, 2h0m0s."""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < _NANOSECONDS:
        for unit, size in (("ms", 1_000_000), ("µs", 1_000)):
            if nanoseconds >= size:
                return f"{nanoseconds / size:.9f}".rstrip("0").rstrip(".") + unit
        return f"{nanoseconds}ns"
    minutes, rest = divmod(nanoseconds, 60 * _NANOSECONDS)
    seconds = f"{rest // _NANOSECONDS}.{rest % _NANOSECONDS:09d}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + seconds
