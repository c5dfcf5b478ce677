"""Configuration of unpacked packages, by their own scripts and dpkg, inside the root."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from brewhouse.build.debian.database import ADMIN
from brewhouse.build.debian.unpack import Unpacked
from brewhouse.errors import BuildError
from brewhouse.model import Run
from brewhouse.system.log import Step
from brewhouse.system.sandbox import run_in_sandbox

# It brings /etc/passwd and /etc/group, which the scripts of others look into.
_FIRST = "base-passwd"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def configure_all(packages: Sequence[Unpacked], root: Path, epoch: int, *, state: Path, step: Step) -> None:
    """Run the preinst of each package and then dpkg, which runs the rest; raises BuildError where one fails."""
    run = Run(
        args=("/bin/sh", "-e", "-c", configure_script(packages)),
        env=(
            f"PATH={_PATH}",
            "HOME=/root",
            "LC_ALL=C.UTF-8",
            "DEBIAN_FRONTEND=noninteractive",
            "DEBCONF_NONINTERACTIVE_SEEN=true",
            f"SOURCE_DATE_EPOCH={epoch}",
        ),
        network="none",
    )
    status = run_in_sandbox(root, run, state=state, output=step.output)
    if status != 0:
        raise BuildError(f"the packages could not be configured: dpkg ended with exit status {status}")


def configure_script(packages: Sequence[Unpacked]) -> str:
    """Return the shell script that configures `packages`.

    Source: dpkg's maintainer script environment, dpkg(1).
    """
    lines = ["export DPKG_ROOT= DPKG_ADMINDIR=/var/lib/dpkg DPKG_MAINTSCRIPT_NAME=preinst"]
    for package in sorted(packages, key=lambda package: package.deb.name != _FIRST):
        if "preinst" in package.deb.control:
            script = f"/{ADMIN}/info/{package.deb.qualified_name}.preinst"
            lines.append(
                f"DPKG_MAINTSCRIPT_PACKAGE={shlex.quote(package.deb.name)} "
                f"DPKG_MAINTSCRIPT_ARCH={shlex.quote(package.deb.fields['Architecture'])} "
                f"DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 {shlex.quote(script)} install"
            )
    lines += [
        "unset DPKG_ROOT DPKG_ADMINDIR DPKG_MAINTSCRIPT_NAME",
        "exec dpkg --force-unsafe-io --configure --pending",
    ]
    return "\n".join(lines)
