"""The end of a configured root: what differs from run to run goes, and every time is clamped.

Source: debuerreotype's init and fixup, which make the trees of Docker's debian images.
"""

from collections.abc import Sequence
from pathlib import Path

from brewhouse.build.clamp import Clamp
from brewhouse.build.debian.lock import Lock
from brewhouse.build.layer import clamp_times
from brewhouse.system.archive.tar import SECOND_NS
from brewhouse.system.store.disk import remove_tree

_SECONDS_PER_DAY = 86400

# Folders that are left empty, and files that go.
_EMPTY = ("dev", "proc", "sys", "tmp", "var/cache/apt", "var/lib/apt/lists", "var/log/apt")
_REMOVED = (
    "etc/machine-id",
    "var/cache/debconf/*-old",
    "var/cache/ldconfig/aux-cache",
    "var/lib/dpkg/*-old",
    "var/log/alternatives.log",
    "var/log/bootstrap.log",
    "var/log/dpkg.log",
)

# What Docker's images have from debootstrap and debuerreotype; a container's own hostname and resolv.conf cover these.
_WRITTEN = {
    "etc/fstab": "# UNCONFIGURED FSTAB FOR BASE SYSTEM\n",
    "etc/hostname": "debuerreotype\n",
    "etc/resolv.conf": "nameserver 1.1.1.1\nnameserver 1.0.0.1\n",
    "var/lib/dpkg/cmethopt": "apt apt\n",
}


def tidy(root: Path, lock: Lock) -> None:
    """Make `root` the same as any other made from the same lock."""
    for name in _EMPTY:
        for path in sorted((root / name).glob("*")):
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
            else:
                path.unlink()
    for pattern in _REMOVED:
        for path in root.glob(pattern):
            path.unlink()
    for name in ("etc/shadow", "etc/shadow-"):
        path = root / name
        if path.is_file():
            path.write_text(clamp_password_days(path.read_text(), lock.epoch // _SECONDS_PER_DAY))
    states = root / "var/lib/apt/extended_states"
    states.parent.mkdir(parents=True, exist_ok=True)
    states.write_text(extended_states([package.name for package in lock.packages], lock.architecture))
    for name, content in _WRITTEN.items():
        (root / name).write_text(content)
    root.chmod(0o755)
    clamp_times(root, Clamp(lock.epoch, lock.epoch * SECOND_NS))


def clamp_password_days(shadow: str, day: int) -> str:
    """Return /etc/shadow with no day of a password change (its third field) later than `day`."""
    lines = []
    for line in shadow.splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2].isdecimal() and int(fields[2]) > day:  # noqa: PLR2004 - shadow(5)
            fields[2] = str(day)
        lines.append(":".join(fields) + "\n")
    return "".join(lines)


def extended_states(names: Sequence[str], architecture: str) -> str:
    """Return apt's record that all packages came as dependencies of others, as `apt-mark auto '.*'` would write it.

    Without it `apt-get autoremove` in an image never removes one of them, whatever it replaced.
    """
    return "".join(f"Package: {name}\nArchitecture: {architecture}\nAuto-Installed: 1\n\n" for name in sorted(names))
