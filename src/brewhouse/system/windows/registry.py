"""Environment variables in the text form of Wine's registry: pure.

Source: save_all_subkeys and dump_path of server/registry.c in Wine.
"""

import re
from collections.abc import Mapping

from brewhouse.errors import BrewError

# Wine 8 writes the one, Wine 10 the other.
_KEY = re.compile(
    rb"^\[System\\\\(?:Current|)ControlSet(?:001|)\\\\Control\\\\Session Manager\\\\Environment\][^\n]*\n", re.MULTILINE
)


def with_variables(registry: bytes, variables: Mapping[str, str]) -> bytes:
    """Return the machine's registry ("system.reg") with these environment variables in place of what it has of them.

    Raises BrewError where it has no place for them.
    """
    found = _KEY.search(registry)
    if not found:
        raise BrewError("Wine's registry has no key for environment variables")
    end = registry.find(b"\n\n", found.end())
    section = registry[found.end() : end + 1]
    names = {name.upper() for name in variables}
    kept = [line for line in section.splitlines(keepends=True) if _name(line).upper() not in names]
    added = [f'"{_escaped(name)}"="{_escaped(value)}"\n'.encode() for name, value in variables.items()]
    return registry[: found.end()] + b"".join([*kept, *added]) + registry[end + 1 :]


def _name(line: bytes) -> str:
    return line.split(b'"')[1].decode() if line.startswith(b'"') else ""


def _escaped(text: str) -> str:
    r"""Return a string as it stands between quotes: a backslash is doubled, what is not ASCII is \x and UTF-16."""
    pieces = []
    for letter in text:
        if letter in '\\"':
            pieces.append(f"\\{letter}")
        elif " " <= letter <= "~":
            pieces.append(letter)
        else:
            raw = letter.encode("utf-16-be", "surrogatepass")
            pieces += [f"\\x{raw[at]:02x}{raw[at + 1]:02x}" for at in range(0, len(raw), 2)]
    return "".join(pieces)
