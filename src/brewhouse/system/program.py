"""Programs of this machine: where they are looked for, which package brings them, and how they say that they ended."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from brewhouse.errors import HostError

# What our own tools get; nothing of the user's environment reaches them unless it is named.
TOOL_ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}


def shell_status(returncode: int) -> int:
    """Return what a shell calls `returncode`: a process ended by signal N has 128 + N."""
    return returncode if returncode >= 0 else 128 - returncode


def signal_name(status: int) -> str:
    """Return the name of the signal that a shell status above 128 tells of, or an empty string."""
    try:
        return signal.Signals(status - 128).name if status > 128 else ""  # noqa: PLR2004 - shell convention
    except ValueError:
        return ""


def is_installed(program: str) -> bool:
    """Tell whether our tools' PATH has the program."""
    return any(os.access(f"{folder}/{program}", os.X_OK) for folder in TOOL_ENVIRONMENT["PATH"].split(":"))


_PACKAGES = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "newuidmap": "uidmap",
    "newgidmap": "uidmap",
    "gpgv": "gpgv",
    "ssh-agent": "openssh-client",
    "ssh-add": "openssh-client",
}


def missing_program(program: str) -> HostError:
    """Return the error for a program that is not on PATH, with the Debian package that brings it."""
    name = Path(program).name
    return HostError(f"`{name}` is not installed", hint=f"install it: apt-get install {_PACKAGES.get(name, name)}")
