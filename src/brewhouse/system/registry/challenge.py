"""What a registry asks for in WWW-Authenticate, and what a token is asked for: pure.

Source: RFC 9110 section 11, and distribution/distribution docs/spec/auth/token.md.
"""

import re
from collections.abc import Iterable, Mapping

import msgspec

_CHALLENGE = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]*)(?:\s+|$)")
_PARAMETER = re.compile(r'\s*([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')


class Challenge(msgspec.Struct, frozen=True):
    """A way to say who one is: scheme "basic" or "bearer", with the parameters as they were written."""

    scheme: str
    parameters: Mapping[str, str]

    @property
    def realm(self) -> str:
        """Return where tokens are given, for "bearer"."""
        return self.parameters.get("realm", "")


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    r"""Return what WWW-Authenticate headers ask for: 'Bearer realm="https://auth.example/token",service="x"'.

    What cannot be read is passed over.
    """
    found: list[Challenge] = []
    for header in headers:
        position = 0
        while match := _CHALLENGE.match(header, position):
            position = match.end()
            parameters: dict[str, str] = {}
            while parameter := _PARAMETER.match(header, position):
                position = parameter.end()
                quoted = parameter[2]
                value = parameter[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                parameters[parameter[1].lower()] = value
            found.append(Challenge(match[1].lower(), parameters))
    return found


def repository_scope(repository: str, *actions: str) -> str:
    """Return the scope of actions on a repository: "repository:library/python:pull,push"."""
    return f"repository:{repository}:{','.join(actions)}"


def merge_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return scopes sorted, each once."""
    return tuple(sorted(set(scopes)))
