"""Layers from overlay upper directories: what the tar holds, and that it is the same twice."""

import gzip
import os
import stat
from pathlib import Path

import pytest

from brewhouse.build.clamp import Clamp
from brewhouse.build.layer import Member, clamp_times, pack_layer, pack_members, tar_stream, walk_upper
from brewhouse.errors import BrewError
from brewhouse.oci.digest import digest_of
from brewhouse.oci.document import LAYER_GZIP, LAYER_TAR, LAYER_ZSTD
from brewhouse.system.archive.decompress import decompressed
from brewhouse.system.archive.tar import SECOND_NS, Entry
from brewhouse.system.store.layerblob import Compression
from brewhouse.system.store.layout import Layout, open_layout

EPOCH = 1_700_000_000


@pytest.fixture
def upper(tmp_path: Path) -> Path:
    folder = tmp_path / "upper"
    folder.mkdir()
    return folder


def names(upper: Path) -> list[str]:
    return [member.entry.name for member in walk_upper(upper)]


def entry(upper: Path, name: str) -> Entry:
    (found,) = [member.entry for member in walk_upper(upper) if member.entry.name == name]
    return found


def test_members_are_sorted_by_bytes_with_parents_first(upper: Path) -> None:
    for name in ("b/x", "a/z", "a/B", "ab", "a.b", "ä", "Z"):
        (upper / name).parent.mkdir(exist_ok=True)
        (upper / name).touch()
    assert names(upper) == ["Z", "a", "a/B", "a/z", "a.b", "ab", "b", "b/x", "ä"]


def test_a_character_device_0_0_is_a_whiteout(upper: Path) -> None:
    (upper / "etc").mkdir()
    os.mknod(upper / "etc" / "motd", stat.S_IFCHR, 0)
    os.mknod(upper / "srv", stat.S_IFCHR, 0)
    assert names(upper) == ["etc", "etc/.wh.motd", ".wh.srv"]
    assert entry(upper, ".wh.srv") == Entry(".wh.srv", mode=0)


@pytest.mark.parametrize("attribute", ["trusted.overlay.opaque", "user.overlay.opaque"])
def test_an_opaque_directory_says_so_before_its_files(attribute: str, upper: Path) -> None:
    (upper / "etc").mkdir()
    (upper / "etc" / "-first").touch()
    os.setxattr(upper / "etc", attribute, b"y")
    assert names(upper) == ["etc", "etc/.wh..wh..opq", "etc/-first"]
    assert entry(upper, "etc").xattrs == {}


def test_the_names_of_one_file_become_links_to_the_first(upper: Path) -> None:
    (upper / "perl").write_bytes(b"ELF")
    (upper / "perl5").hardlink_to(upper / "perl")
    (upper / "a").symlink_to("nowhere")
    os.link(upper / "a", upper / "b", follow_symlinks=False)
    assert [(member.entry.name, member.entry.kind, member.entry.linkname) for member in walk_upper(upper)] == [
        ("a", "symlink", "nowhere"),
        ("b", "link", "a"),
        ("perl", "file", ""),
        ("perl5", "link", "perl"),
    ]


def test_devices_and_fifos_are_packed_and_sockets_left_out(upper: Path) -> None:
    os.mknod(upper / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(upper / "sda", stat.S_IFBLK | 0o660, os.makedev(8, 1))
    os.mkfifo(upper / "pipe")
    os.mknod(upper / "socket", stat.S_IFSOCK | 0o600)
    assert [(member.entry.name, member.entry.kind, member.entry.device) for member in walk_upper(upper)] == [
        ("null", "char", (1, 3)),
        ("pipe", "fifo", (0, 0)),
        ("sda", "block", (8, 1)),
    ]


def test_of_all_attributes_only_capabilities_are_kept(upper: Path) -> None:
    (upper / "ping").touch()
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    for name, value in {
        "user.origin": b"x",
        "user.overlay.origin": b"",
        "trusted.overlay.origin": b"",
        "trusted.x": b"",
    }.items():
        os.setxattr(upper / "ping", name, value)
    os.setxattr(upper / "ping", "security.capability", capability)
    assert entry(upper, "ping").xattrs == {"security.capability": capability}


@pytest.mark.parametrize("attribute", ["trusted.overlay.redirect", "user.overlay.metacopy"])
def test_a_file_whose_content_lies_elsewhere_is_refused(attribute: str, upper: Path) -> None:
    (upper / "x").touch()
    os.setxattr(upper / "x", attribute, b"/y")
    with pytest.raises(BrewError, match="lack its content"):
        names(upper)


def test_set_uid_bits_and_owners_are_kept(upper: Path) -> None:
    (upper / "su").touch()
    os.chown(upper / "su", 12, 34)
    (upper / "su").chmod(0o6755)
    assert (entry(upper, "su").mode, entry(upper, "su").uid, entry(upper, "su").gid) == (0o6755, 12, 34)


@pytest.mark.parametrize(
    ("seconds", "clamped"),
    [(EPOCH + 1, 5), (EPOCH + 0.5, 5), (EPOCH, EPOCH), (1234.75, 1234), (0, 0), (2**33, 5)],
)
def test_times_later_than_the_bound_become_the_epoch_in_the_directory_too(
    seconds: float, clamped: int, upper: Path
) -> None:
    (upper / "link").symlink_to("x")
    os.utime(upper / "link", ns=(0, int(seconds * SECOND_NS)), follow_symlinks=False)
    clamp_times(upper, Clamp(epoch=5, later_than_ns=EPOCH * SECOND_NS))
    assert (upper / "link").lstat().st_mtime_ns == clamped * SECOND_NS
    assert entry(upper, "link").mtime_ns == clamped * SECOND_NS


def fill(upper: Path) -> None:
    (upper / "usr" / "lib").mkdir(parents=True)
    (upper / "usr" / "lib" / "large").write_bytes(bytes(range(256)) * 20_000)
    (upper / "usr" / "empty").touch()
    (upper / "usr" / "x").symlink_to("lib/large")


@pytest.mark.parametrize(
    ("compression", "media_type"), [("gzip", LAYER_GZIP), ("zstd", LAYER_ZSTD), ("none", LAYER_TAR)]
)
def test_the_blob_holds_the_tar_that_the_diff_id_names(
    compression: Compression, media_type: str, upper: Path, layout: Layout
) -> None:
    fill(upper)
    layer = pack_layer(upper, layout, compression=compression)
    blob = layout.blob_path(layer.descriptor.digest).read_bytes()
    assert (digest_of(blob), len(blob)) == (layer.descriptor.digest, layer.descriptor.size)
    assert layer.descriptor.media_type == media_type
    with layout.blob_path(layer.descriptor.digest).open("rb") as file:
        tar = b"".join(decompressed(file, "layer"))
    assert digest_of(tar) == layer.diff_id
    assert tar == b"".join(tar_stream(walk_upper(upper)))


def test_the_number_of_processors_does_not_change_the_blob(
    upper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(upper)
    found = []
    for processors in (1, 2, 7):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, count=processors: set(range(count)))
        with open_layout(tmp_path / f"store{processors}") as layout:
            found.append(pack_layer(upper, layout, clamp=Clamp(EPOCH, EPOCH * SECOND_NS)))
    assert found[0] == found[1] == found[2]


def test_a_copy_made_later_elsewhere_gives_the_same_layer(tmp_path: Path, layout: Layout) -> None:
    layers = []
    for number in (1, 2):
        (folder := tmp_path / f"upper{number}").mkdir()
        fill(folder)
        os.utime(folder / "usr" / "empty", (number * 2e9, number * 2e9))
        layers.append(pack_layer(folder, layout, clamp=Clamp(EPOCH, EPOCH * SECOND_NS)))
    assert layers[0] == layers[1]


def test_a_blob_that_is_known_by_its_diff_id_is_reused(layout: Layout) -> None:
    members = [Member(Entry("x", size=3), b"abc")]
    first = pack_members(members, layout)
    other = gzip.compress(b"".join(tar_stream(members)), 1)
    descriptor = layout.write_blob(other, LAYER_GZIP)
    record = layout.cache / "layers" / (first.diff_id.removeprefix("sha256:") + ".gzip")
    record.write_text(record.read_text().replace(first.descriptor.digest, descriptor.digest))
    assert pack_members(members, layout).descriptor.digest == descriptor.digest
    layout.blob_path(descriptor.digest).unlink()
    assert pack_members(members, layout) == first


def test_a_file_that_becomes_shorter_meanwhile_is_an_error(upper: Path, layout: Layout) -> None:
    (upper / "log").write_bytes(b"0123456789")
    (member,) = walk_upper(upper)
    (upper / "log").write_bytes(b"01234")
    with pytest.raises(BrewError, match="became shorter"):
        pack_members([member], layout)
    assert list(layout.blobs.iterdir()) == []
