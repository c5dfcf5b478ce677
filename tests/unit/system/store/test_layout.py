"""The store on disk: blobs, names, and what several processes and full disks do to it."""

import io
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.store import check_store, files, make_image

from brewhouse.errors import HostError, InputError, IntegrityError, StoreError
from brewhouse.oci.digest import digest_of
from brewhouse.oci.document import LAYER_GZIP, REF_NAME, Descriptor
from brewhouse.oci.reference import parse_reference
from brewhouse.system.store.disk import remove_tree, write_file
from brewhouse.system.store.layout import Layout, alone, open_layout

CONTENT = b"a layer"
DESCRIPTOR = Descriptor(LAYER_GZIP, digest_of(CONTENT), len(CONTENT))


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    with open_layout(tmp_path / "store") as opened:
        yield opened
    check_store(tmp_path / "store")


def test_a_blob_is_stored_once_under_its_digest(layout: Layout) -> None:
    layout.ingest(io.BytesIO(CONTENT), DESCRIPTOR)
    layout.ingest(io.BytesIO(b"never read"), DESCRIPTOR)
    assert layout.blob_path(DESCRIPTOR.digest).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "why"), [(CONTENT + b"!", "longer"), (CONTENT[:-1], "other content"), (b"b layer", "other content")]
)
def test_other_bytes_than_the_digests_are_refused_and_leave_nothing(content: bytes, why: str, layout: Layout) -> None:
    with pytest.raises(IntegrityError, match=why):
        layout.ingest(io.BytesIO(content), DESCRIPTOR)
    assert list(layout.blobs.iterdir()) == []
    assert [path.name for path in layout.tmp.iterdir()] == ["lock"]


def test_a_damaged_or_missing_document_is_named(layout: Layout) -> None:
    descriptor = layout.write_blob(b"{}", "text/plain")
    path = layout.blob_path(descriptor.digest)
    path.write_bytes(b"[]")
    with pytest.raises(StoreError, match=f"{descriptor.digest} .* is damaged"):
        layout.read_blob(descriptor)
    path.unlink()
    with pytest.raises(StoreError, match="is missing"):
        layout.read_blob(descriptor)


def test_a_name_moves_and_what_it_stood_for_stays_without_one(layout: Layout) -> None:
    old = make_image(layout, ["python:3"], [files(a="old")]).descriptor
    new = make_image(layout, ["python:3", "python:3.13"], [files(a="new")]).descriptor
    assert {name: entry.digest for name, entry in layout.names().items()} == {
        "python:3": new.digest,
        "python:3.13": new.digest,
    }
    assert [entry.digest for entry in layout.index().manifests if REF_NAME not in entry.annotations] == [old.digest]


def test_an_image_whose_last_name_goes_stays_without_one(layout: Layout) -> None:
    descriptor = make_image(layout, ["a:1", "a:2"], [files(a="x")]).descriptor
    layout.untag("a:1")
    assert list(layout.names()) == ["a:2"]
    layout.untag("a:2")
    assert [entry.digest for entry in layout.index().manifests] == [descriptor.digest]


@pytest.mark.parametrize(
    ("text", "found"),
    [("python:3.13", True), ("python:3.12", False), ("python@{}", True), ("python:3.13@{}", True),
     ("python:3.12@{}", False), ("python@sha256:" + "0" * 64, False)],
)  # fmt: skip
def test_an_image_is_found_by_name_and_digest(text: str, found: bool, layout: Layout) -> None:  # noqa: FBT001 - a table
    descriptor = make_image(layout, ["python:3.13"], [files(a="x")]).descriptor
    entry = layout.find(parse_reference(text.format(descriptor.digest)))
    assert (entry is not None) is found


def _tag_many(root: Path, mine: str) -> None:
    with open_layout(root) as layout:
        entry = layout.index().manifests[0]
        for number in range(20):
            layout.tag([f"{mine}:{number}"], entry)


def test_two_processes_that_name_at_once_lose_nothing(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        make_image(layout, ["base:1"], [files(a="x")])
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_tag_many, args=(tmp_path, name)) for name in ("left", "right")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(check_store(tmp_path).manifests) == 41


def test_prune_waits_for_nobody(tmp_path: Path) -> None:
    with open_layout(tmp_path) as first, open_layout(tmp_path) as second:
        with pytest.raises(InputError, match="another process is using the store"), alone(first):
            pass
        with pytest.raises(InputError, match="another process"), alone(second):
            pass
    with open_layout(tmp_path) as only, alone(only):
        pass


def test_folders_of_killed_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    with open_layout(tmp_path) as living:
        for name, locked in (("1-dead", True), ("2-died-early", False)):
            (tmp_path / "tmp" / name / "deep").mkdir(parents=True)
            (tmp_path / "tmp" / name / "deep").chmod(0)
            if locked:
                (tmp_path / "tmp" / name / "lock").touch()
        (living.tmp / "work").touch()
        with open_layout(tmp_path) as other:
            assert sorted((tmp_path / "tmp").iterdir()) == sorted([living.tmp, other.tmp])
        assert (living.tmp / "work").exists()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_another_kind_of_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion":"2.0.0"}')
    with pytest.raises(StoreError, match=r"not of version 1\.0\.0"), open_layout(tmp_path):
        pass


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("old")
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "missing" / "index.json", b"new", tmp=tmp_path)
    write_file(tmp_path / "index.json", b"new", tmp=tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("index.json", "new")]


def test_a_store_that_cannot_be_written_is_one_line_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match="Not a directory"), open_layout(tmp_path / "file"):
        pass


def test_a_tree_with_closed_folders_is_removed(tmp_path: Path) -> None:
    (tmp_path / "work" / "work").mkdir(parents=True)
    (tmp_path / "work" / "work").chmod(0)
    (tmp_path / "work" / "link").symlink_to("/")
    remove_tree(tmp_path / "work")
    remove_tree(tmp_path / "work")
    assert list(tmp_path.iterdir()) == []


def test_nobody_else_reaches_what_images_bring(tmp_path: Path) -> None:
    private = ("snapshots", "cache", "downloads", "logs", "volumes", "tmp")
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots").chmod(0o755)  # as earlier versions made it
    with open_layout(tmp_path):
        assert {name: (tmp_path / name).stat().st_mode & 0o7777 for name in private} == dict.fromkeys(private, 0o700)
