"""The options of BuildKit's Dockerfile frontend as those of the command line.

Source: dockerui/config.go, attr.go and requests.go of moby/buildkit.
"""

import csv
from collections.abc import Callable, Iterator, Mapping

Words = Iterator[str]

# Options whose rest of the name is the name of what they set.
_NAMED = {"build-arg:": "--build-arg", "label:": "--label", "context:": "--build-context"}
_REQUESTS = {"frontend.lint": "check", "frontend.outline": "outline", "frontend.targets": "targets"}
_TRUE = ("1", "t", "true")

# Options that change nothing in what is built: where the frontend itself comes from, how results are kept, what a
# client calls its files. Every build here is carried out without a cache already.
PASSED_OVER = frozenset(
    {
        *("cache-from", "cache-imports", "cmdline", "contextkey", "contextsubdir", "dockerfilekey", "filename"),
        *("frontend.caps", "no-cache", "root-request", "source"),
    }
)
_PASSED_OVER_PREFIXES = ("input-metadata:", "local-sessionid:", "sharedkey:", "vcs:")


def command_options(attributes: Mapping[str, str]) -> Words:
    """Yield the command line's options for the frontend's; raises KeyError for one that nobody knows."""
    for name, value in attributes.items():
        prefix, colon, rest = name.partition(":")
        if f"{prefix}:" in _NAMED and colon:
            yield from (_NAMED[f"{prefix}:"], f"{rest}={value}")
        elif prefix == "attest" and colon:
            yield f"--{rest}={value or 'true'}"
        elif name in _OPTIONS:
            yield from _OPTIONS[name](value)
        elif name not in PASSED_OVER and not name.startswith(_PASSED_OVER_PREFIXES):
            raise KeyError(name)


def _one(option: str) -> Callable[[str], Words]:
    def words(value: str) -> Words:
        if value:
            yield from (option, value)

    return words


def _each(option: str) -> Callable[[str], Words]:
    """Return what gives the option once for each field of a comma-separated list."""

    def words(value: str) -> Words:
        for fields in csv.reader([value] if value else []):
            for field in fields:
                yield from (option, field)

    return words


def _network(value: str) -> Words:
    yield from ("--network", {"sandbox": "default"}.get(value, value or "default"))


def _resolve_mode(value: str) -> Words:
    if value == "pull":
        yield "--pull"


def _multi_platform(value: str) -> Words:
    if value.lower() in _TRUE:
        yield from ("--build-arg", "BUILDKIT_MULTI_PLATFORM=1")


def _hostname(value: str) -> Words:
    if value:
        yield from ("--build-arg", f"BUILDKIT_SANDBOX_HOSTNAME={value}")


def _request(value: str) -> Words:
    if value in _REQUESTS:
        yield from ("--call", _REQUESTS[value])


_OPTIONS: Mapping[str, Callable[[str], Words]] = {
    "add-hosts": _each("--add-host"),
    "cgroup-parent": _one("--cgroup-parent"),
    "force-network-mode": _network,
    "hostname": _hostname,
    "image-resolve-mode": _resolve_mode,
    "multi-platform": _multi_platform,
    "platform": _one("--platform"),
    "requestid": _request,
    "shm-size": _one("--shm-size"),
    "target": _one("--target"),
    "ulimit": _each("--ulimit"),
}
