"""What counts for the key of a COPY, and what is believed of it that a former build computed."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from brewhouse.build.cache.files import FileDigests
from brewhouse.build.files.content import Room, content_digest
from brewhouse.build.files.walk import Choice, Selection, Tree
from brewhouse.dockerfile.dockerignore import parse_dockerignore
from brewhouse.errors import InputError
from brewhouse.system.store.disk import free_bytes
from brewhouse.system.store.layout import Layout, open_layout

MINUTE_NS = 60 * 10**9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    for name in ("a.py", "docs/b.md", "docs/deep/c.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "large").write_bytes(bytes(1 << 17))
    (folder / "link").symlink_to("docs")
    return folder


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    with open_layout(tmp_path / "store") as layout:
        yield layout


def digest(folder: Path, layout: Layout, *, ignore: bytes = b"", owned: bool = False, later_ns: int = MINUTE_NS) -> str:
    """Return the digest as a build of its own computes it, so much later than now."""
    digests = FileDigests(layout, time.time_ns() + later_ns)
    tree = Tree(folder, parse_dockerignore(ignore, ".dockerignore") if ignore else None, is_owned=owned)
    found = content_digest(Selection(tree, folder, Choice()), digests, Room(folder))
    digests.close()
    return found


def replace_link(folder: Path) -> None:
    (folder / "link").unlink()
    (folder / "link").symlink_to("docs/deep")


def copy_with_second_name(folder: Path) -> None:
    (folder / "docs/b.md").unlink()
    (folder / "docs/b.md").hardlink_to(folder / "a.py")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file's content": lambda folder: (folder / "docs/deep/c.txt").write_text("docs/deep/d.txt"),
    "a large file's content": lambda folder: (folder / "large").write_bytes(b"1" * (1 << 17)),
    "a file's mode": lambda folder: (folder / "a.py").chmod(0o700),
    "a folder's mode": lambda folder: (folder / "docs").chmod(0o700),
    "a name": lambda folder: (folder / "docs/b.md").rename(folder / "docs/c.md"),
    "a folder's place": lambda folder: (folder / "docs/deep").rename(folder / "deep"),
    "an empty folder": lambda folder: (folder / "docs/empty").mkdir(),
    "a link's target": replace_link,
    "what is one file": copy_with_second_name,
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_a_copy_takes_changes_the_digest(folder: Path, layout: Layout, change: str) -> None:
    (folder / "docs/b.md").write_text("a.py")
    before = digest(folder, layout)
    CHANGES[change](folder)
    assert digest(folder, layout) != before


def test_times_change_nothing(folder: Path, layout: Layout) -> None:
    before = digest(folder, layout)
    for name in ("a.py", "docs", "large", "link"):
        os.utime(folder / name, (1, 1), follow_symlinks=False)
    assert digest(folder, layout) == before


def test_a_change_is_seen_that_leaves_size_and_time_as_they_were(folder: Path, layout: Layout) -> None:
    before = digest(folder, layout)
    status = (folder / "a.py").stat()
    (folder / "a.py").write_text("b.py")
    os.utime(folder / "a.py", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digest(folder, layout) != before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives capabilities away")
def test_capabilities_count_only_where_they_are_copied(folder: Path, layout: Layout) -> None:
    context, image = digest(folder, layout), digest(folder, layout, owned=True)
    os.setxattr(folder / "a.py", "security.capability", bytes.fromhex("01000002" + "00200000" + "00" * 12))
    assert digest(folder, layout) == context
    assert digest(folder, layout, owned=True) != image


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owners_count_only_where_they_mean_something(folder: Path, layout: Layout) -> None:
    context, image = digest(folder, layout), digest(folder, layout, owned=True)
    os.chown(folder / "a.py", 7, 7)
    assert digest(folder, layout) == context
    assert digest(folder, layout, owned=True) != image


def test_what_is_ignored_changes_nothing_in_a_folder_of_whatever_size(folder: Path, layout: Layout) -> None:
    for number in range(1500):
        (folder / "docs" / str(number)).touch()
    before = digest(folder, layout, ignore=b"**/ignored*\n")
    for number in range(7):
        (folder / "docs" / f"ignored{number}").write_text("ignored")
    assert digest(folder, layout, ignore=b"**/ignored*\n") == before
    assert digest(folder, layout) != before


def record(layout: Layout) -> Path:
    return layout.cache / "files"


def test_what_was_not_changed_is_computed_once(folder: Path, layout: Layout) -> None:
    digest(folder, layout)
    before = record(layout).stat()
    digest(folder, layout)
    assert record(layout).stat() == before
    (folder / "docs/b.md").write_text("other")
    digest(folder, layout)
    assert record(layout).stat() != before


def test_a_folder_is_known_wherever_it_lies(folder: Path, layout: Layout) -> None:
    before = digest(folder, layout)
    (folder / "docs/deep").rename(folder / "deep")
    known = record(layout).stat()
    assert digest(folder, layout) != before
    assert record(layout).stat() == known


def test_files_that_were_changed_just_now_are_not_remembered(folder: Path, layout: Layout) -> None:
    digest(folder, layout, later_ns=0)
    assert not record(layout).exists()


@pytest.mark.parametrize(
    ("kept", "added"), [(0, b""), (-1, b""), (0, b"{}"), (0, bytes(1000)), (25, bytes(6400)), (None, bytes(10_000_000))]
)
def test_a_damaged_record_changes_nothing(folder: Path, layout: Layout, kept: int | None, added: bytes) -> None:
    before = digest(folder, layout)
    record(layout).write_bytes(record(layout).read_bytes()[:kept] + added)
    assert digest(folder, layout) == before
    assert digest(folder, layout) == before


def test_builds_at_the_same_time_keep_what_each_computed(layout: Layout) -> None:
    first, second = (FileDigests(layout, MINUTE_NS) for _ in range(2))
    for digests, key in ((first, b"1" * 32), (second, b"0" * 32)):
        assert digests.find(key) is None
        digests.keep(key, key[::-1], 0)
    first.close()
    second.close()
    third = FileDigests(layout, MINUTE_NS)
    assert [third.find(key * 32) for key in (b"0", b"1", b"2")] == [b"0" * 32, b"1" * 32, None]


def test_files_with_holes_that_the_disk_cannot_hold_are_refused_before_they_are_read(
    folder: Path, layout: Layout
) -> None:
    with (folder / "holes").open("wb") as file:
        file.truncate(min(free_bytes(folder) + (1 << 30), 1 << 43))
    with pytest.raises(InputError, match="files with holes would take"):
        digest(folder, layout)
