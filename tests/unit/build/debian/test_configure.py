"""Packages are configured by a script that runs preinsts as dpkg does, and then dpkg."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.support.deb import control_text, make_deb

from brewhouse.build.debian.configure import configure_script
from brewhouse.build.debian.deb import open_deb
from brewhouse.build.debian.unpack import Unpacked


def unpacked(tmp_path: Path, name: str, **scripts: str) -> Unpacked:
    path = tmp_path / f"{name}.deb"
    path.write_bytes(make_deb(control_text(name, Multi_Arch="same"), scripts=scripts))
    return Unpacked(open_deb(path), (), ())


def test_only_preinsts_run_before_dpkg_and_base_passwd_is_the_first(tmp_path: Path) -> None:
    packages = [
        unpacked(tmp_path, "apt", preinst="#!/bin/sh\n"),
        unpacked(tmp_path, "base-files", postinst="#!/bin/sh\n"),
        unpacked(tmp_path, "base-passwd", preinst="#!/bin/sh\n"),
    ]
    lines = configure_script(packages).splitlines()
    started = [line.split("DPKG_MAINTSCRIPT_PACKAGE=")[1].split()[0] for line in lines if line.endswith(" install")]
    assert started == ["base-passwd", "apt"]
    assert lines[-1] == "exec dpkg --force-unsafe-io --configure --pending"


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_a_preinst_finds_itself_where_dpkg_would_have_put_it(tmp_path: Path) -> None:
    told = 'echo "$0 $1 $DPKG_MAINTSCRIPT_PACKAGE $DPKG_MAINTSCRIPT_ARCH" $(ls ${0%/*}); cat ${0%/*}/control'
    package = unpacked(tmp_path, "libc6", preinst=f"#!/bin/sh\n{told}\n", templates="Template: x\n")
    admin = tmp_path / "dpkg"
    (admin / "info").mkdir(parents=True)
    for kind, file in package.deb.control.items():
        (admin / f"info/libc6:amd64.{kind}").write_bytes(file.content)
        (admin / f"info/libc6:amd64.{kind}").chmod(file.mode)
    script = configure_script([package]).replace("/var/lib/dpkg", str(admin)).partition("exec dpkg")[0]
    done = subprocess.run(["sh", "-e", "-c", script], check=True, capture_output=True, text=True)
    first, second = done.stdout.splitlines()
    assert first == f"{admin / 'tmp.ci/preinst'} install libc6 amd64 control preinst templates"
    assert second == "Package: libc6"
    assert not (admin / "tmp.ci").exists()
