"""Layers unpacked into snapshots, and stacked by overlayfs."""

import os
from pathlib import Path

import msgspec
import pytest
from tests.support.store import files, make_image

from brewhouse.build.layer import Member, pack_layer
from brewhouse.errors import IntegrityError, StoreError
from brewhouse.model import Image
from brewhouse.oci.digest import digest_of
from brewhouse.oci.document import write_document
from brewhouse.system.archive.tar import SECOND_NS, Entry
from brewhouse.system.overlay import overlay
from brewhouse.system.store.layout import Layout
from brewhouse.system.store.snapshot import Snapshots


def merged(paths: list[Path], layout: Layout) -> list[str]:
    """Return the names that can be seen in the stack."""
    (mountpoint := layout.tmp / "root").mkdir()
    with overlay(paths, None, None, mountpoint):
        return sorted(str(path.relative_to(mountpoint)) for path in mountpoint.rglob("*"))


def folder(name: str, mode: int = 0o755) -> Member:
    return Member(Entry(name, "directory", mode, 3, 4, mtime_ns=99 * SECOND_NS))


def test_each_layer_is_unpacked_once_under_its_diff_id(layout: Layout) -> None:
    image = make_image(layout, ["a:1"], [files(a="1"), files(b="2")])
    snapshots = Snapshots(layout)
    paths = snapshots.ensure(image)
    assert paths == [snapshots.path(diff_id) for diff_id in image.config.value.rootfs.diff_ids]
    assert [[file.read_text() for file in path.iterdir()] for path in paths] == [["1"], ["2"]]
    (paths[0] / "mark").touch()
    assert snapshots.ensure(image) == paths
    assert (paths[0] / "mark").exists()


def test_a_layer_that_occurs_twice_is_stacked_once(layout: Layout) -> None:
    removing = [Member(Entry(".wh.a")), *files(b="2")]
    paths = Snapshots(layout).ensure(make_image(layout, ["a:1"], [files(a="1"), removing, files(a="1")]))
    assert len(paths) == len(list(layout.snapshots.iterdir())) == 2
    assert merged(paths, layout) == ["a", "b"]


def test_what_a_layer_removes_cannot_be_seen_through_the_stack(layout: Layout) -> None:
    base = [folder("etc"), Member(Entry("etc/motd")), Member(Entry("etc/hosts")), folder("var"), Member(Entry("var/x"))]
    above = [folder("etc"), Member(Entry("etc/.wh.motd")), folder("var"), Member(Entry("var/.wh..wh..opq"))]
    paths = Snapshots(layout).ensure(make_image(layout, ["a:1"], [base, above, files(y="")]))
    assert merged(paths, layout) == ["etc", "etc/hosts", "var", "y"]


def test_an_opaque_root_hides_all_layers_below(layout: Layout) -> None:
    image = make_image(layout, ["a:1"], [files(a="1"), [Member(Entry(".wh..wh..opq"))], files(b="2")])
    assert merged(Snapshots(layout).ensure(image), layout) == ["b"]


def test_a_folder_that_a_layer_does_not_bring_keeps_owner_and_mode_from_below(layout: Layout) -> None:
    base = [folder("tmp", 0o1777), folder("opt", 0o700)]
    image = make_image(layout, ["a:1"], [base, [Member(Entry("tmp/x")), Member(Entry("opt/new/y"))]])
    snapshots = Snapshots(layout)
    path = snapshots.ensure(image)[1]
    status = (path / "tmp").stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid, status.st_mtime) == (0o1777, 3, 4, 99)
    assert (path / "opt").stat().st_mode & 0o7777 == 0o700
    assert (path / "opt" / "new").stat().st_mode & 0o7777 == 0o755
    assert path != snapshots.path(image.config.value.rootfs.diff_ids[1])
    assert snapshots.ensure(image)[1] == path


def test_the_same_layer_on_another_base_is_another_snapshot_if_it_depends_on_it(layout: Layout) -> None:
    layer = [Member(Entry("tmp/x"))]
    modes = set()
    for mode in (0o1777, 0o755):
        paths = Snapshots(layout).ensure(make_image(layout, [f"a:{mode:o}"], [[folder("tmp", mode)], layer]))
        modes.add((paths[1] / "tmp").stat().st_mode & 0o7777)
    assert modes == {0o1777, 0o755}


def test_a_packed_directory_becomes_the_snapshot_of_its_layer(layout: Layout) -> None:
    (upper := layout.tmp / "upper").mkdir()
    (upper / "f").write_text("x")
    layer = pack_layer(upper, layout)
    inode = upper.stat().st_ino
    path = Snapshots(layout).adopt(layer.diff_id, upper)
    assert (path.stat().st_ino, upper.exists()) == (inode, False)
    (again := layout.tmp / "again").mkdir()
    (again / "f").touch()
    assert Snapshots(layout).adopt(layer.diff_id, again).stat().st_ino == inode
    assert not again.exists()


def test_a_layer_that_is_not_what_the_config_says_is_refused_and_leaves_nothing(layout: Layout) -> None:
    image = make_image(layout, ["a:1"], [files(a="1")])
    rootfs = msgspec.structs.replace(image.config.value.rootfs, diff_ids=(digest_of(b"other"),))
    other = Image(
        image.descriptor, image.manifest, write_document(msgspec.structs.replace(image.config.value, rootfs=rootfs))
    )
    with pytest.raises(IntegrityError, match="another diff_id"):
        Snapshots(layout).ensure(other)
    assert list(layout.snapshots.iterdir()) == []
    assert [path.name for path in layout.tmp.iterdir()] == ["lock"]


def test_a_missing_layer_is_named(layout: Layout) -> None:
    image = make_image(layout, ["a:1"], [files(a="1")])
    layout.blob_path(image.manifest.value.layers[0].digest).unlink()
    with pytest.raises(StoreError, match=f"{image.manifest.value.layers[0].digest} is missing"):
        Snapshots(layout).ensure(image)


def test_a_config_that_counts_other_layers_than_the_manifest_is_refused(layout: Layout) -> None:
    image = make_image(layout, ["a:1"], [files(a="1")])
    manifest = write_document(msgspec.structs.replace(image.manifest.value, layers=()))
    with pytest.raises(StoreError, match="0 layers, but 1 diff_ids"):
        Snapshots(layout).ensure(Image(image.descriptor, manifest, image.config))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make other owners' files")
def test_a_snapshot_packs_to_the_layer_it_came_from(layout: Layout) -> None:
    members = [folder("d", 0o2755), Member(Entry("d/f", mode=0o4711, uid=5, gid=6, size=3), b"abc")]
    image = make_image(layout, ["a:1"], [members])
    (path,) = Snapshots(layout).ensure(image)
    assert pack_layer(path, layout).diff_id == image.config.value.rootfs.diff_ids[0]
