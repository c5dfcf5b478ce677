"""What differs from run to run is taken out of a configured root."""

import os
from pathlib import Path

import pytest

from brewhouse.build.debian.lock import Lock, LockedPackage
from brewhouse.build.debian.tidy import clamp_password_days, extended_states, tidy

EPOCH = 1_700_000_000
PACKAGE = LockedPackage("tzdata", "2025b-4", "all", 1, "0" * 64, "archive", "pool/t.deb")
LOCK = Lock("trixie", "amd64", EPOCH, ("trixie",), (PACKAGE,))


@pytest.mark.parametrize(
    ("line", "clamped"),
    [
        ("root:*:20000:0:99999:7:::", "root:*:19675:0:99999:7:::"),
        ("old:*:100:0:99999:7:::", "old:*:100:0:99999:7:::"),
        ("never:!::0:99999:7:::", "never:!::0:99999:7:::"),
        ("broken", "broken"),
    ],
)
def test_no_password_was_changed_after_the_epoch(line: str, clamped: str) -> None:
    assert clamp_password_days(f"{line}\n", 19675) == f"{clamped}\n"


def test_packages_of_all_architectures_are_recorded_under_the_native_one() -> None:
    assert extended_states(["zlib1g", "apt"], "amd64") == (
        "Package: apt\nArchitecture: amd64\nAuto-Installed: 1\n\n"
        "Package: zlib1g\nArchitecture: amd64\nAuto-Installed: 1\n\n"
    )


def test_logs_caches_and_identities_go_and_all_times_are_clamped(tmp_path: Path) -> None:
    gone = (
        "dev/null",
        "tmp/x/y",
        "etc/machine-id",
        "var/log/dpkg.log",
        "var/log/apt/term.log",
        "var/cache/ldconfig/aux-cache",
        "var/cache/apt/pkgcache.bin",
        "var/lib/apt/lists/partial/x",
        "var/lib/dpkg/status-old",
    )
    for name in (*gone, "var/log/btmp", "etc/shadow"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "dev/fd").symlink_to("/proc/self/fd")
    old = tmp_path / "etc/old"
    old.touch()
    os.utime(old, (1000, 1000))
    tidy(tmp_path, LOCK)
    assert [name for name in gone if (tmp_path / name).exists()] == []
    assert (tmp_path / "var/log/btmp").exists()
    assert list((tmp_path / "dev").iterdir()) == []
    assert {path.lstat().st_mtime for path in tmp_path.rglob("*")} == {1000, EPOCH}
    assert old.stat().st_mtime == 1000
    assert (tmp_path / "var/lib/apt/extended_states").read_text() == extended_states(["tzdata"], "amd64")
