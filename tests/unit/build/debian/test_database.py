"""The database is what dpkg itself makes of the same packages: dpkg is asked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.deb import control_text, file, folder, link, make_deb

from brewhouse.build.debian.database import write_database
from brewhouse.build.debian.deb import open_deb
from brewhouse.build.debian.unpack import unpack_all

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("dpkg"), reason="needs dpkg, and root to give files away"
)

PACKAGES = {
    "library": make_deb(
        control_text("library", "1:2.0-1", Multi_Arch="same", Section="libs"),
        [folder(""), folder("etc"), file("etc/library.conf", b"a = 1\n"), folder("usr"), link("usr/etc", "../etc")],
        {
            "conffiles": "/etc/library.conf\nremove-on-upgrade /etc/older.conf\n",
            "triggers": "interest-noawait rebuild\ninterest /usr/share/library\n",
            "shlibs": "library 2 library\n",
            "md5sums": "",
        },
    ),
    "tool": make_deb(
        control_text("tool", "3", Depends="library", Priority="required"),
        [folder(""), folder("usr"), folder("usr/bin"), file("usr/bin/tool", mode=0o755)],
        {"triggers": "interest-await /usr/share/library\nactivate-noawait rebuild\n", "md5sums": "00  usr/bin/tool\n"},
    ),
}
# The order of lines, the locks and the backups are not ours; dpkg needs none of the empty folders.
COMPARED = ("status", "info/*", "triggers/File", "triggers/rebuild")


def unpacked_by_us(root: Path, debs: list[Path]) -> None:
    root.mkdir()
    write_database(unpack_all([open_deb(deb) for deb in debs], root, lambda _done, _total: None), root)


def unpacked_by_dpkg(root: Path, debs: list[Path]) -> None:
    for name in ("info", "updates", "triggers"):
        (root / "var/lib/dpkg" / name).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    dpkg(root, "--unpack", *map(str, debs))


def dpkg(root: Path, *words: str) -> None:
    subprocess.run(["dpkg", f"--root={root}", "--log=/dev/null", "--force-unsafe-io", *words], check=True)


def database(root: Path) -> dict[str, list[str]]:
    admin = root / "var/lib/dpkg"
    files = [path for pattern in COMPARED for path in admin.glob(pattern) if path.is_file()]
    return {
        f"{path.relative_to(admin)} {path.stat().st_mode:o}": sorted(path.read_text().split("\n")) for path in files
    }


def test_configured_packages_are_recorded_as_if_dpkg_had_unpacked_them(tmp_path: Path) -> None:
    debs = [tmp_path / f"{name}.deb" for name in PACKAGES]
    for deb, content in zip(debs, PACKAGES.values(), strict=True):
        deb.write_bytes(content)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    unpacked_by_us(ours, debs)
    unpacked_by_dpkg(theirs, debs)
    for root in (ours, theirs):
        dpkg(root, "--configure", "--pending")
    assert "Status: install ok installed" in database(ours)["status 100644"]
    assert "info/library:amd64.list 100644" in database(ours)
    assert database(ours) == database(theirs)


def test_dpkg_finds_nothing_missing(tmp_path: Path) -> None:
    (tmp_path / "tool.deb").write_bytes(PACKAGES["library"])
    unpacked_by_us(tmp_path / "root", [tmp_path / "tool.deb"])
    done = subprocess.run(["dpkg", f"--root={tmp_path}/root", "--audit"], check=True, capture_output=True, text=True)
    assert "unpacked but not yet configured" in done.stdout
    assert "missing" not in done.stdout
