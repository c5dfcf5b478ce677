"""Packages are unpacked as dpkg would, into /usr, and never out of the root. Needs root, as unpacking does."""

import os
import stat
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.deb import EPOCH, control_text, device, file, folder, link, make_deb

from brewhouse.build.debian.deb import Deb, open_deb
from brewhouse.build.debian.unpack import Unpacked, unpack_all
from brewhouse.errors import IntegrityError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")

Member = tuple[tarfile.TarInfo, bytes]


def package(tmp_path: Path, name: str, members: Sequence[Member]) -> Deb:
    path = tmp_path / f"{name}.deb"
    path.write_bytes(make_deb(control_text(name), members))
    return open_deb(path)


def unpack(tmp_path: Path, *debs: Deb) -> list[Unpacked]:
    root = tmp_path / "root"
    root.mkdir()
    return unpack_all(debs, root, lambda _done, _total: None)


def owned(member: Member, user: int, group: int) -> Member:
    member[0].uid, member[0].gid = user, group
    return member


def test_files_have_their_content_owner_mode_and_time(tmp_path: Path) -> None:
    members = [
        folder(""),
        folder("usr"),
        folder("usr/bin"),
        owned(file("usr/bin/chage", b"\x7fELF", 0o2755), 0, 42),
        link("usr/bin/age", "./usr/bin/chage", hard=True),
        owned(link("usr/bin/years", "chage"), 1, 2),
    ]
    unpack(tmp_path, package(tmp_path, "passwd", members))
    found = (tmp_path / "root/usr/bin/chage").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), found.st_mtime) == (0, 42, 0o2755, EPOCH)
    assert (tmp_path / "root/usr/bin/age").stat().st_ino == found.st_ino
    status = (tmp_path / "root/usr/bin/years").lstat()
    assert (status.st_uid, status.st_gid, status.st_mtime) == (1, 2, EPOCH)


def test_old_top_folders_become_links_into_usr(tmp_path: Path) -> None:
    members = [folder(""), folder("bin"), file("bin/sh"), folder("lib64"), file("lib64/ld.so"), file("usr/lib/x")]
    [unpacked] = unpack(tmp_path, package(tmp_path, "old", members))
    root = tmp_path / "root"
    assert {path.name: str(path.readlink()) for path in root.iterdir() if path.is_symlink()} == {
        "bin": "usr/bin",
        "lib64": "usr/lib64",
    }
    assert (root / "usr/bin/sh").read_bytes() == b"content\n"
    assert unpacked.paths == ("/.", "/bin", "/bin/sh", "/lib64", "/lib64/ld.so", "/usr/lib/x")


def test_a_package_that_brings_the_links_itself_agrees_with_them(tmp_path: Path) -> None:
    first = package(tmp_path, "base-files", [folder(""), folder("usr/bin"), link("bin", "usr/bin")])
    second = package(tmp_path, "old", [folder("bin"), file("bin/sh")])
    unpack(tmp_path, first, second)
    assert (tmp_path / "root/usr/bin/sh").is_file()


def test_the_first_package_says_who_owns_a_shared_folder(tmp_path: Path) -> None:
    first = package(tmp_path, "base-files", [owned(folder("var/local", 0o2775), 0, 50)])
    second = package(tmp_path, "zz", [folder("var/local"), file("var/local/x" + "y" * 90, b"z" * 100_000)])
    unpack(tmp_path, first, second)
    found = (tmp_path / "root/var/local").stat()
    assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (50, 0o2775)


def test_links_in_the_way_are_followed_inside_the_root(tmp_path: Path) -> None:
    first = package(tmp_path, "a", [folder("run"), folder("var"), link("var/run", "/run")])
    unpack(tmp_path, first, package(tmp_path, "b", [file("opt/x")]))
    second = package(tmp_path, "c", [file("var/run/c.pid")])
    unpack_all([second], tmp_path / "root", lambda _done, _total: None)
    assert (tmp_path / "root/run/c.pid").is_file()


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([file("../outside")], "leaves the root"),
        ([file("./usr/../../outside")], "leaves the root"),
        ([link("usr/x", "../../../outside", hard=True)], "leaves the root"),
        ([file("usr/line\nbreak")], "leaves the root"),
        ([device("dev/mem")], "a device or pipe: `dev/mem`"),
        ([file("usr/x"), file("usr/x")], "cannot put `/usr/x` in place: File exists"),
        ([link("usr/x", "usr/absent", hard=True)], "cannot put `/usr/x` in place: No such file"),
        ([link("usr/x", "a"), link("usr/x", "b")], "cannot put `/usr/x` in place: File exists"),
        ([file("usr/x"), file("usr/x/y")], "cannot put `/usr/x/y` in place"),
    ],
    ids=["up", "up and up", "hard link up", "new line", "device", "twice", "no target", "two targets", "below a file"],
)
def test_what_dpkg_must_not_do_is_refused_by_name(tmp_path: Path, members: Sequence[Member], why: str) -> None:
    with pytest.raises(IntegrityError, match=rf"bad .*{why}"):
        unpack(tmp_path, package(tmp_path, "bad", members))
    assert not (tmp_path / "outside").exists()


def test_an_absolute_name_stays_in_the_root(tmp_path: Path) -> None:
    unpack(tmp_path, package(tmp_path, "absolute", [file("/brewhouse-test")]))
    assert (tmp_path / "root/brewhouse-test").is_file()
    assert not Path("/brewhouse-test").exists()


def test_the_same_file_in_two_packages_is_refused(tmp_path: Path) -> None:
    first, second = (package(tmp_path, name, [file("usr/bin/tool")]) for name in ("one", "two"))
    with pytest.raises(IntegrityError, match="cannot put `/usr/bin/tool` in place: File exists"):
        unpack(tmp_path, first, second)
