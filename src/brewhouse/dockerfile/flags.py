"""The flags of an instruction: `--from=build`, `--link`, `--exclude=a --exclude=b`.

Source: instructions/bflag.go of moby/buildkit's Dockerfile frontend.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.errors import DockerfileError

Kind = Literal["text", "truth", "texts"]

FLAGS: Mapping[str, Mapping[str, Kind]] = {
    "ADD": {
        "chown": "text",
        "chmod": "text",
        "link": "truth",
        "exclude": "texts",
        "checksum": "text",
        "keep-git-dir": "truth",
        "unpack": "truth",
    },
    "COPY": {
        "chown": "text",
        "chmod": "text",
        "link": "truth",
        "exclude": "texts",
        "from": "text",
        "parents": "truth",
    },
    "FROM": {"platform": "text"},
    "HEALTHCHECK": {
        "interval": "text",
        "timeout": "text",
        "start-period": "text",
        "start-interval": "text",
        "retries": "text",
    },
    "RUN": {"mount": "texts", "network": "text", "security": "text", "device": "texts"},
}
"""The flags that instructions take; the others take none. A text comes once, texts as often as wished."""


class Flags(msgspec.Struct, frozen=True):
    """The values that were given, in their order."""

    given: tuple[tuple[str, str], ...]

    def text(self, name: str, default: str = "") -> str:
        """Return the value of a flag that may come once."""
        return dict(self.given).get(name, default)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return all values of a flag that may come several times."""
        return tuple(value for flag, value in self.given if flag == name)

    def truth(self, name: str) -> bool | None:
        """Return whether a flag is on; None where it was not given."""
        value = dict(self.given).get(name)
        return None if value is None else value == "true"


def read_flags(words: Sequence[str], kinds: Mapping[str, Kind]) -> Flags:
    """Return the values of the flags in `words`; raises DockerfileError for one that `kinds` does not know."""
    given: list[tuple[str, str]] = []
    for word in words:
        flag, equals, value = word.partition("=")
        name = flag.removeprefix("--")
        kind = kinds.get(name)
        if kind is None:
            raise DockerfileError(f"unknown flag: {flag}{did_you_mean(name, kinds)}")
        if kind != "texts" and any(name == former for former, _value in given):
            raise DockerfileError(f"duplicate flag specified: {flag}")
        if not equals and kind != "truth":
            raise DockerfileError(f"missing a value on flag: {flag}", hint=f"write {flag}=VALUE")
        given.append((name, _read_truth(flag, equals, value) if kind == "truth" else value))
    return Flags(tuple(given))


def _read_truth(flag: str, equals: str, value: str) -> str:
    if equals and not value:
        raise DockerfileError(f"missing a value on flag: {flag}")
    truth = value.lower() or "true"
    if truth not in ("true", "false"):
        raise DockerfileError(f"expecting boolean value for flag {flag}, not: {value}")
    return truth
