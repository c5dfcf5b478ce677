"""Archives unpacked: what arrives on disk, what is replaced, and what is refused."""

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from brewhouse.build.layer import Member, tar_stream, walk_upper
from brewhouse.errors import InputError
from brewhouse.system.archive.extract import Unpack, unpack
from brewhouse.system.archive.stream import Stream
from brewhouse.system.archive.tar import SECOND_NS, Entry
from brewhouse.system.archive.whiteout import opaque_attribute

LAYER = Unpack("overlay", devices="make")


def apply(root: Path, *entries: Entry | tuple[Entry, bytes], how: Unpack = LAYER) -> list[str]:
    members = [Member(*entry) if isinstance(entry, tuple) else Member(entry, bytes(entry.size)) for entry in entries]
    return unpack(Stream(tar_stream(members), "test.tar"), root, how)


def file(name: str, content: bytes = b"new", mode: int = 0o644) -> tuple[Entry, bytes]:
    return Entry(name, size=len(content), mode=mode), content


def folder(name: str, mode: int = 0o755) -> Entry:
    return Entry(name, "directory", mode)


def link(name: str, target: str) -> Entry:
    return Entry(name, "symlink", 0o777, linkname=target)


def test_owner_mode_time_and_attributes_arrive_and_the_layer_packs_the_same_again(tmp_path: Path) -> None:
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    entries = [
        Entry("bin", "directory", 0o1777, 1, 2, mtime_ns=77 * SECOND_NS),
        Entry("bin/fifo", "fifo", 0o622, mtime_ns=78 * SECOND_NS),
        Entry("bin/null", "char", 0o666, device=(1, 3)),
        Entry("bin/ping", "file", 0o4755, 3, 4, 0, 79 * SECOND_NS, xattrs={"security.capability": capability}),
        Entry("bin/sh", "symlink", 0o777, 5, 6, 0, 80 * SECOND_NS, "/usr/bin/dash"),
        Entry("bin/ping6", "link", 0o4755, 3, 4, 0, 79 * SECOND_NS, "bin/ping"),
    ]
    apply(tmp_path, *entries)
    found = [member.entry for member in walk_upper(tmp_path)]
    assert {entry.name: entry for entry in found} == {entry.name: entry for entry in entries}


def test_attributes_of_users_arrive_and_those_of_overlayfs_do_not(tmp_path: Path) -> None:
    attributes = {"user.kind": b"x", "user.overlay.redirect": b"/etc", "trusted.overlay.opaque": b"y", "trusted.x": b""}
    apply(tmp_path, Entry("d", "directory", 0o755, xattrs=attributes), Entry("f", xattrs=attributes))
    assert [os.listxattr(tmp_path / name) for name in ("d", "f")] == [["user.kind"], ["user.kind"]]


def test_contents_of_any_size_arrive(tmp_path: Path) -> None:
    contents = {f"f{size}": os.urandom(size) for size in (0, 1, 511, 512, 513, 3_000_000)}
    apply(tmp_path, *(file(name, content) for name, content in contents.items()))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == contents


@pytest.mark.parametrize(
    ("before", "after", "content"),
    [
        ([file("x", b"old")], [file("x")], b"new"),
        ([folder("x"), file("x/y")], [file("x")], b"new"),
        ([link("x", "elsewhere")], [file("x")], b"new"),
        ([file("y", b"other"), Entry("x", "link", linkname="y")], [file("x")], b"new"),
        ([file("y", b"other"), file("x")], [Entry("x", "link", linkname="y")], b"other"),
    ],
)
def test_what_is_there_is_replaced_whatever_it_was(
    before: list[Entry], after: list[Entry], content: bytes, tmp_path: Path
) -> None:
    apply(tmp_path, *before)
    apply(tmp_path, *after)
    assert not (tmp_path / "x").is_symlink()
    assert (tmp_path / "x").read_bytes() == content


def test_a_folder_merges_with_one_that_is_there_and_replaces_all_else(tmp_path: Path) -> None:
    apply(tmp_path, folder("etc", 0o700), file("etc/old"), file("lib"), link("run", "etc"), how=Unpack())
    apply(tmp_path, folder("etc", 0o750), file("etc/new"), folder("lib"), folder("run"), how=Unpack())
    assert sorted(path.name for path in (tmp_path / "etc").iterdir()) == ["new", "old"]
    assert stat.S_IMODE((tmp_path / "etc").stat().st_mode) == 0o750
    assert (tmp_path / "lib").is_dir()
    assert not (tmp_path / "run").is_symlink()


def test_folders_that_an_archive_needs_without_having_them_are_named(tmp_path: Path) -> None:
    assert apply(tmp_path, folder("a"), file("a/b/c/d"), file("e/f")) == ["a/b", "a/b/c", "e"]
    assert (tmp_path / "a" / "b").stat().st_mtime == 0


def test_whiteouts_become_overlays_marks(tmp_path: Path) -> None:
    apply(
        tmp_path, folder("etc"), Entry("etc/.wh.motd"), folder("var"), Entry("var/.wh..wh..opq"), Entry(".wh..wh.aufs")
    )
    status = (tmp_path / "etc" / "motd").lstat()
    assert (stat.S_IFMT(status.st_mode), status.st_rdev) == (stat.S_IFCHR, 0)
    assert os.getxattr(tmp_path / "var", opaque_attribute()) == b"y"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["etc", "var"]


@pytest.mark.parametrize(
    "entries", [[Entry(".wh.lib"), folder("lib"), file("lib/x")], [folder("lib"), file("lib/x"), Entry(".wh.lib")]]
)
def test_a_folder_that_replaces_one_below_hides_what_was_in_it(entries: list[Entry], tmp_path: Path) -> None:
    apply(tmp_path, *entries)
    assert os.getxattr(tmp_path / "lib", opaque_attribute()) == b"y"
    assert (tmp_path / "lib" / "x").read_bytes() == b"new"


def test_a_file_beside_its_own_whiteout_stays(tmp_path: Path) -> None:
    apply(tmp_path, file("x"), Entry(".wh.x"))
    assert (tmp_path / "x").read_bytes() == b"new"


def test_names_of_whiteouts_are_names_where_the_archive_is_no_layer(tmp_path: Path) -> None:
    apply(tmp_path, file(".wh.x"), file(".wh..wh..opq"), how=Unpack())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".wh..wh..opq", ".wh.x"]


def test_links_inside_are_followed_as_in_a_container(tmp_path: Path) -> None:
    apply(
        tmp_path,
        folder("usr"),
        folder("usr/lib"),
        link("lib", "usr/lib"),
        link("lib64", "/usr/../../usr/lib"),
        link("usr/up", "../../../.."),
        file("lib/a"),
        file("lib64/b"),
        file("usr/up/c"),
    )
    assert sorted(path.name for path in (tmp_path / "usr" / "lib").iterdir()) == ["a", "b"]
    assert (tmp_path / "c").is_file()


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([link("a", "b"), link("b", "a"), file("a/x")], "too many links"),
        ([file("a"), file("a/x")], "a file and a folder"),
        ([Entry("x", "link", linkname="missing")], "No such file"),
        ([Entry("x", "link", linkname="../../etc/passwd")], "No such file"),
        ([file("n" * 256)], "name too long"),
        ([file("d/" * 300 + "x")], "nests folders"),
        ([Entry("x", uid=1 << 33)], "has the owner"),
        ([Entry("x", uid=-1)], "has the owner"),
    ],
)
def test_what_no_archive_should_hold_is_refused_in_one_line(entries: list[Entry], why: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"(?i)test.tar.*{why}") as caught:
        apply(tmp_path, *entries)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (file("../x"), "leads out"),
        (file("a/../../x"), "leads out"),
        (link("a", "../x"), "out of the archive"),
        (link("a/b", "../../x"), "out of the archive"),
        (Entry("a", "link", linkname="../x"), "out of the archive"),
    ],
)
def test_what_leads_out_is_refused_where_programs_of_the_host_will_read(
    entry: Entry | tuple[Entry, bytes], why: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=why):
        apply(tmp_path, folder("a"), entry, how=Unpack(outside="refuse"))


@pytest.mark.parametrize("entry", [link("a/b", "../x"), link("a", "/etc/x"), file("/x"), file("a/../x")])
def test_what_stays_inside_is_not_refused(entry: Entry | tuple[Entry, bytes], tmp_path: Path) -> None:
    apply(tmp_path, entry, how=Unpack(outside="refuse"))


def test_devices_are_made_skipped_or_refused_as_asked(tmp_path: Path) -> None:
    device = Entry("null", "char", device=(1, 3))
    with pytest.raises(InputError, match="`null` is a device"):
        apply(tmp_path, device, how=Unpack(devices="refuse"))
    apply(tmp_path, device, Entry("pipe", "fifo"), how=Unpack(devices="skip"))
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    apply(tmp_path, device, how=Unpack(devices="make"))
    assert (tmp_path / "null").is_char_device()


def test_an_owner_given_is_that_of_all(tmp_path: Path) -> None:
    apply(tmp_path, Entry("d", "directory", 0o755, 5, 5), file("d/f"), link("l", "f"), how=Unpack(owner=(7, 8)))
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in tmp_path.rglob("*")} == {(7, 8)}


def test_the_root_can_stay_as_it_is_whatever_the_archive_says_of_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o710)
    apply(tmp_path, folder("./", 0o755), file("f"), how=Unpack(keeps_root=True))
    assert (tmp_path.stat().st_mode & 0o7777, (tmp_path / "f").exists()) == (0o710, True)
    apply(tmp_path, folder("./", 0o755), how=Unpack())
    assert tmp_path.stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("how", [Unpack(most_entries=2), Unpack(most_bytes=5)])
def test_more_than_is_allowed_is_refused_before_it_is_written(how: Unpack, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds more than"):
        apply(tmp_path, file("a"), folder("b"), file("c"), how=how)
    assert not (tmp_path / "c").exists()


def test_a_sparse_file_takes_no_more_room_than_it_says(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds more than"):
        unpack(Stream(iter([sparse_archive(1 << 42)]), "test.tar"), tmp_path, Unpack())
    unpack(Stream(iter([sparse_archive(1 << 30)]), "test.tar"), tmp_path, Unpack())
    status = (tmp_path / "sparse").stat()
    assert status.st_size == 1 << 30
    assert status.st_blocks * 512 < 1 << 20


def sparse_archive(size: int) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("GNUSparseFile.0/sparse")
        member.size = 512
        member.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": "sparse",
            "GNU.sparse.realsize": str(size),
        }
        archive.addfile(member, io.BytesIO(b"0\n".ljust(512, b"\0")))
    return written.getvalue()
