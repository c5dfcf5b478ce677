"""The dpkg database of unpacked packages, written as dpkg itself writes it when it unpacks.

Source: dpkg's lib/dpkg/dump.c and src/main/unpack.c; compared with what dpkg makes of the same packages.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from brewhouse.build.debian.control import read_conffiles, read_interests
from brewhouse.build.debian.deb import Deb
from brewhouse.build.debian.unpack import Unpacked
from brewhouse.system.confine import confine

ADMIN = "var/lib/dpkg"


def write_database(packages: Sequence[Unpacked], root: Path) -> None:
    """Let dpkg find all `packages` unpacked and none configured."""
    admin = root / ADMIN
    for folder in ("info", "triggers", "updates", "alternatives", "parts"):
        (admin / folder).mkdir(parents=True, exist_ok=True)
    (admin / "info/format").write_text("1\n")
    for package in packages:
        _write_info(package, admin / "info")
    _write_triggers(packages, admin / "triggers")
    (admin / "status").write_text("".join(status_paragraph(package.deb, root) for package in packages))
    (admin / "available").touch()


def status_paragraph(deb: Deb, root: Path) -> str:
    """Return what the status file says of a package that is unpacked in `root`, with an empty line behind it."""
    text = deb.control["control"].content.decode().strip()
    first, rest = text.split("\n", 1)
    conffiles = [
        f" {file.path} newconffile remove-on-upgrade"
        if file.remove_on_upgrade
        else f" {file.path} {_md5(confine(root, file.path))}"
        for file in read_conffiles(deb.lines("conffiles"))
    ]
    tail = ["Conffiles:", *conffiles] if conffiles else []
    return "\n".join([first, "Status: install ok unpacked", rest, *tail, "", ""])


def _write_info(package: Unpacked, folder: Path) -> None:
    name = package.deb.qualified_name
    (folder / f"{name}.list").write_text("".join(f"{path}\n" for path in package.paths))
    for kind, file in package.deb.control.items():
        if kind != "control":
            path = folder / f"{name}.{kind}"
            path.write_bytes(file.content)
            path.chmod(file.mode)
            os.utime(path, (file.mtime, file.mtime))


def _write_triggers(packages: Iterable[Unpacked], folder: Path) -> None:
    """Write who waits for which trigger: paths all in one file, names in a file each."""
    paths: list[str] = []
    names: dict[str, list[str]] = {}
    for package in packages:
        for trigger, suffix in read_interests(package.deb.lines("triggers")):
            if trigger.startswith("/"):
                paths.append(f"{trigger} {package.deb.qualified_name}{suffix}\n")
            else:
                names.setdefault(trigger, []).append(f"{package.deb.qualified_name}{suffix}\n")
    (folder / "File").write_text("".join(sorted(paths)))
    for trigger, lines in names.items():
        (folder / trigger).write_text("".join(sorted(lines)))


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
