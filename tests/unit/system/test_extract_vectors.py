"""Hostile and odd archives of containerd's and moby's own tests, with the trees that they must give."""

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.support.shared import recorded

from brewhouse.build.layer import Member, tar_stream
from brewhouse.errors import InputError
from brewhouse.system.extract import Unpack, unpack
from brewhouse.system.stream import Stream
from brewhouse.system.tar import Entry

VECTORS = recorded("dockerfile/layer-vectors")
LAYER = Unpack("remove", devices="skip")


def apply(archive: Path, root: Path, how: Unpack = LAYER) -> None:
    unpack(Stream(iter([archive.read_bytes()]), archive.name), root, how)


def tree(root: Path) -> dict[str, tuple[str, object]]:
    """Return type and mode as Go writes them, and content or target, of all that is below `root`."""
    found: dict[str, tuple[str, object]] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        mode = stat.filemode(status.st_mode)
        content: object = None
        if path.is_symlink():
            mode, content = "L" + mode[1:], os.readlink(path)  # noqa: PTH115 - as it stands there
        elif path.is_file():
            content = path.read_text()
        found[str(path.relative_to(root))] = (mode, content)
    return found


def expected_tree(document: Any) -> dict[str, tuple[str, object]]:  # noqa: ANN401 - JSON
    return {entry["path"]: (entry["mode"], entry.get("link", entry.get("content"))) for entry in document["tree"]}


def links(root: Path) -> set[frozenset[str]]:
    """Return the groups of names that are one file."""
    names: dict[int, set[str]] = {}
    for path in root.rglob("*"):
        if not path.is_dir() or path.is_symlink():
            names.setdefault(path.lstat().st_ino, set()).add(str(path.relative_to(root)))
    return {frozenset(group) for group in names.values() if len(group) > 1}


@pytest.mark.parametrize("vector", sorted((VECTORS / "containerd-apply").iterdir()), ids=lambda path: path.name)
def test_a_layer_gives_the_tree_that_containerd_makes_of_it(vector: Path, tmp_path: Path) -> None:
    expected = json.loads((vector / "expected.json").read_text())
    if (vector / "base.tar").exists():
        apply(vector / "base.tar", tmp_path)
    if "error" in expected:
        with pytest.raises(InputError, match="is no name of a whiteout"):
            apply(vector / "layer.tar", tmp_path)
    else:
        apply(vector / "layer.tar", tmp_path)
    assert tree(tmp_path) == expected_tree(expected)
    same = {frozenset({entry["path"], entry["same_file_as"]}) for entry in expected["tree"] if "same_file_as" in entry}
    assert links(tmp_path) == same


@pytest.mark.parametrize("vector", sorted((VECTORS / "moby-breakout").iterdir()), ids=lambda path: path.name)
def test_an_archive_that_is_refused_outside_reaches_nothing_beside_its_root(vector: Path, tmp_path: Path) -> None:
    (root := tmp_path / "dest").mkdir()
    (victim := tmp_path / "victim").mkdir()
    (victim / "hello").write_text("hello world")
    how = Unpack("remove" if "Layer" in vector.name else "keep", outside="refuse", devices="skip")
    with suppress(InputError):
        apply(vector / "layer.tar", root, how)
    assert [path.name for path in victim.iterdir()] == ["hello"]
    assert (victim / "hello").read_text() == "hello world"
    assert not [path for path in root.iterdir() if path.is_file() and path.read_text() == "hello world"]


@pytest.mark.parametrize("vector", sorted((VECTORS / "moby-breakout").iterdir()), ids=lambda path: path.name)
def test_an_archive_that_is_confined_changes_nothing_beside_its_root(vector: Path, tmp_path: Path) -> None:
    (root := tmp_path / "dest").mkdir()
    (victim := tmp_path / "victim").mkdir()
    (victim / "hello").write_text("hello world")
    with suppress(InputError):
        apply(vector / "layer.tar", root, Unpack("overlay", devices="skip"))
    assert [path.name for path in victim.iterdir()] == ["hello"]
    assert (victim / "hello").stat().st_nlink == 1


def test_changes_applied_one_after_another_leave_what_moby_says(tmp_path: Path) -> None:
    for step in json.loads((VECTORS / "moby-whiteouts.json").read_text())["steps"]:
        members = [
            Member(Entry(name.rstrip("/"), "directory" if name.endswith("/") else "file")) for name in step["change"]
        ]
        unpack(Stream(tar_stream(members), "change"), tmp_path, LAYER)
        found = [str(path.relative_to(tmp_path)) + ("/" if path.is_dir() else "") for path in tmp_path.rglob("*")]
        assert sorted(found) == sorted(step["expected"])
