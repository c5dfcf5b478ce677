"""Control paragraphs of packages, as far as an installed system needs them.

Source: deb-control(5), deb-conffiles(5), deb-triggers(5).
"""

import re
from collections.abc import Iterable

import msgspec

from brewhouse.errors import IntegrityError

_FIELD = re.compile(r"^([!-9;-~]+):[ \t]*(.*(?:\n[ \t].*)*)$", re.MULTILINE)
_INTEREST = {"interest": "", "interest-await": "", "interest-noawait": "/noawait"}


class Conffile(msgspec.Struct, frozen=True):
    """A configuration file: "/etc/bash.bashrc"; one to be removed on upgrade is not in the package."""

    path: str
    remove_on_upgrade: bool = False


def read_paragraph(text: str, name: str) -> dict[str, str]:
    """Return the fields of one paragraph, continuation lines with their line ends kept.

    Raises IntegrityError where Package, Version or Architecture is missing; `name` says in errors what was read.
    """
    fields = {match[1]: match[2] for match in _FIELD.finditer(text.strip())}
    missing = [field for field in ("Package", "Version", "Architecture") if not fields.get(field)]
    if missing:
        raise IntegrityError(f"{name} is not a Debian package: no {' and no '.join(missing)} in its control file")
    return fields


def read_conffiles(lines: Iterable[str]) -> list[Conffile]:
    """Return the configuration files that a package's `conffiles` lists."""
    found = []
    for line in lines:
        *flags, path = line.split(" ") if line.startswith("remove-on-upgrade ") else [line]
        found.append(Conffile(path, bool(flags)))
    return found


def read_interests(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Return the triggers that a package's `triggers` says it waits for, with what dpkg puts behind its name.

    "interest-noawait ldconfig" gives ("ldconfig", "/noawait").
    """
    found = []
    for line in lines:
        directive, _, trigger = line.partition("#")[0].strip().partition(" ")
        if directive in _INTEREST:
            found.append((trigger.strip(), _INTEREST[directive]))
    return found
