"""Configuration of unpacked packages, by their own scripts and dpkg, inside the root."""

import posixpath
import shlex
from collections.abc import Sequence
from pathlib import Path

from brewhouse.build.debian.database import ADMIN
from brewhouse.build.debian.deb import Deb
from brewhouse.build.debian.unpack import Unpacked
from brewhouse.errors import BuildError
from brewhouse.model import Run
from brewhouse.system.container.sandbox import run_in_sandbox
from brewhouse.system.progress.log import Step

# It brings /etc/passwd and /etc/group, which the scripts of others look into.
_FIRST = "base-passwd"
_UNPACKING = posixpath.join("/", ADMIN, "tmp.ci")
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
    """Return the shell script that configures `packages`."""
    first = sorted(packages, key=lambda package: package.deb.name != _FIRST)
    preinsts = [_run_preinst(package.deb) for package in first if "preinst" in package.deb.control]
    return "\n".join([*preinsts, f"rm -rf {_UNPACKING}", "exec dpkg --force-unsafe-io --configure --pending", ""])


def _run_preinst(deb: Deb) -> str:
    """Return the lines that run one preinst as dpkg does: from the folder tmp.ci, where debconf looks for its package.

    Source: maintainer script environment of dpkg(1); /usr/share/debconf/frontend.
    """
    info, folder = f"/{ADMIN}/info/{deb.qualified_name}", _UNPACKING
    copies = [
        shlex.join(["cp", "-p", f"{info}.{kind}", f"{folder}/{kind}"])
        for kind in sorted(deb.control)
        if kind != "control"
    ]
    environment = {
        "DPKG_ADMINDIR": f"/{ADMIN}",
        "DPKG_MAINTSCRIPT_ARCH": deb.fields["Architecture"],
        "DPKG_MAINTSCRIPT_NAME": "preinst",
        "DPKG_MAINTSCRIPT_PACKAGE": deb.name,
        "DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT": "1",
        "DPKG_ROOT": "",
    }
    settings = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
    return "\n".join(
        [
            f"rm -rf {folder} && mkdir {folder}",
            *copies,
            f"printf 'Package: %s\\n' {shlex.quote(deb.name)} >{folder}/control",
            f"{' '.join(settings)} {folder}/preinst install",
        ]
    )
