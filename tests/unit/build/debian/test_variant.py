"""Both variants come from one tree, which they leave as it is."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from brewhouse.build.debian.lock import Lock
from brewhouse.build.debian.variant import apt_sources, make_variant
from brewhouse.system.sources import Mirror, Source, read_deb822

MIRROR = Mirror("http://mirror.example/debian", "http://safe.example/debian-security")
LOCK = Lock("trixie", "amd64", 0, ("trixie", "trixie-updates", "trixie-security"), ())

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    root = tmp_path / "base"
    for name in ("usr/share/doc/bash/README", "usr/share/doc/bash/copyright", "usr/bin/bash", "etc/dpkg/dpkg.cfg.d/x"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "usr/bin/sh").symlink_to("bash")
    (root / "usr/bin/bash").chmod(0o4755)
    os.chown(root / "usr/share", 3, 4)
    (root / "usr/share").chmod(0o2775)
    os.utime(root / "usr/share", (1000, 1000))
    return root


def listing(root: Path) -> dict[str, tuple[int, int, int]]:
    status = {path: path.lstat() for path in root.rglob("*")}
    return {str(path.relative_to(root)): (s.st_mode, s.st_uid, s.st_gid) for path, s in status.items()}


def test_the_slim_variant_lacks_documentation_and_the_full_one_lacks_nothing(tmp_path: Path, base: Path) -> None:
    before = listing(base)
    for name in ("full", "slim"):
        make_variant(base, tmp_path / name, LOCK, MIRROR, slim=name == "slim")
    full, slim = listing(tmp_path / "full"), listing(tmp_path / "slim")
    assert listing(base) == before
    assert full.items() >= before.items()
    assert set(full) - set(slim) == {"usr/share/doc/bash/README"}
    assert set(slim) - set(full) == {"etc/dpkg/dpkg.cfg.d/docker"}
    assert (tmp_path / "slim/usr/share").stat().st_mtime == 1000


def test_an_image_gets_what_docker_images_have(tmp_path: Path, base: Path) -> None:
    make_variant(base, tmp_path / "full", LOCK, MIRROR, slim=False)
    added = set(listing(tmp_path / "full")) - set(listing(base))
    assert {name for name in added if (tmp_path / "full" / name).is_file()} == {
        "usr/sbin/policy-rc.d",
        "etc/dpkg/dpkg.cfg.d/docker-apt-speedup",
        "etc/apt/apt.conf.d/docker-clean",
        "etc/apt/apt.conf.d/docker-gzip-indexes",
        "etc/apt/apt.conf.d/docker-no-languages",
        "etc/apt/apt.conf.d/docker-autoremove-suggests",
        "etc/apt/sources.list.d/debian.sources",
    }
    assert subprocess.run([tmp_path / "full/usr/sbin/policy-rc.d"], check=False).returncode == 101


@pytest.mark.skipif(not shutil.which("apt-config"), reason="apt is not installed")
def test_apt_understands_its_configuration(tmp_path: Path, base: Path) -> None:
    make_variant(base, tmp_path / "full", LOCK, MIRROR, slim=False)
    parts = tmp_path / "full/etc/apt/apt.conf.d"
    (tmp_path / "apt.conf").write_text(f'Dir::Etc::main "none";\nDir::Etc::parts "{parts}";\n')
    environment = {"PATH": os.environ["PATH"], "APT_CONFIG": str(tmp_path / "apt.conf")}
    done = subprocess.run(["apt-config", "dump"], env=environment, capture_output=True, text=True, check=True)
    for line in (
        'Acquire::GzipIndexes "true";',
        'Acquire::Languages:: "none";',
        'APT::AutoRemove::SuggestsImportant "false";',
        'Dir::Cache::pkgcache "";',
    ):
        assert line in done.stdout
    assert done.stdout.count("rm -f /var/cache/apt/archives/*.deb") == 2


def test_the_sources_of_the_image_are_those_of_the_lock() -> None:
    assert list(read_deb822(apt_sources(LOCK, MIRROR, "/k.gpg"))) == [
        Source(MIRROR.archive, "trixie"),
        Source(MIRROR.archive, "trixie-updates"),
        Source(MIRROR.security, "trixie-security"),
    ]


def test_no_password_of_the_mirror_gets_into_the_image() -> None:
    mirror = Mirror("http://sam:secret@mirror.example/debian", MIRROR.security)
    assert apt_sources(LOCK, mirror, "/k.gpg") == apt_sources(LOCK, MIRROR, "/k.gpg")


def test_a_suite_that_was_left_out_is_no_source_of_the_image() -> None:
    lock = Lock("trixie", "s390x", 0, ("trixie",), ())
    assert list(read_deb822(apt_sources(lock, MIRROR, "/k.gpg"))) == [Source(MIRROR.archive, "trixie")]
