"""Environment variables in the text form of Wine's registry: pure.

Source: save_all_subkeys and dump_path of server/registry.c in Wine.
"""

import re
from collections.abc import Iterator, Mapping

from brewhouse.errors import BrewError

# Wine 8 writes the one, Wine 10 the other.
_KEY = re.compile(
    rb"^\[System\\\\(?:Current|)ControlSet(?:001|)\\\\Control\\\\Session Manager\\\\Environment\][^\n]*\n", re.MULTILINE
)

# What Wine itself changes: fonts and network cards are looked for on each start, certificates are the host's, and some
# keys are no Windows' at all, or of this one session.
_OF_WINE = re.compile(
    r"^Software\\\\Wine\\\\|\\\\(Fonts|FontSubstitutes|NetworkCards|SystemCertificates)(\\\\|$)"
    r"|^Volatile Environment|^HARDWARE|\\\\(Enum|Control\\\\(Class|DeviceClasses|Video)|Services\\\\(Tcpip|Winsock))"
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


def changed_keys(before: bytes, after: bytes) -> Iterator[str]:
    """Yield the keys that are not as they were, but for those that Wine itself changes when it starts."""
    old, new = _keys(before), _keys(after)
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key) and not _OF_WINE.search(key):
            yield key


def _keys(registry: bytes) -> dict[str, list[str]]:
    """Return the values of each key, without the times."""
    found: dict[str, list[str]] = {}
    for section in registry.decode("utf-8", "replace").split("\n\n"):
        title, *lines = section.strip().splitlines() or [""]
        if title.startswith("["):
            values = [line for line in lines if not line.startswith("#time=")]
            found.setdefault(title.partition("]")[0].removeprefix("["), []).extend(values)
    return {key: sorted(values) for key, values in found.items()}


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
