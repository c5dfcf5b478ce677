"""Hostile and odd archives of containerd's and moby's own tests, with the trees that they must give."""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from brewhouse.build.layer import Member, tar_stream
from brewhouse.errors import InputError
from brewhouse.system.archive.extract import Unpack, unpack
from brewhouse.system.archive.stream import Stream
from brewhouse.system.archive.tar import Entry
from tests.conformance.check import Bench, Check, unequal

_LAYER = Unpack("remove", devices="skip")
_SECRET = "hello world"  # noqa: S105 - what lies beside the root in moby's own tests

Tree = dict[str, tuple[str, object]]


class _Entry(msgspec.Struct):
    path: str
    mode: str
    content: str | None = None
    link: str | None = None
    same_file_as: str = ""


class _Applied(msgspec.Struct):
    """What containerd's Apply made of an archive; `error` where it refused."""

    tree: list[_Entry] | None = None
    error: str = ""


class _Step(msgspec.Struct):
    change: list[str]
    expected: list[str]


class _Whiteouts(msgspec.Struct):
    steps: list[_Step]


def vector_checks(folder: Path) -> Iterator[Check]:
    """Yield a check for each archive in `folder` and below, and for each list of changes."""
    for archive in sorted(folder.rglob("layer.tar")):
        vector = archive.parent
        expected = msgspec.json.decode((vector / "expected.json").read_bytes(), type=_Applied)
        if expected.tree is None:
            yield Check(f"vectors/{vector.name}-refused", _in_folder(partial(_refused, vector)))
            yield Check(f"vectors/{vector.name}-confined", _in_folder(partial(_confined, vector)))
        else:
            yield Check(f"vectors/{vector.name}", _in_folder(partial(_applied, vector, expected, expected.tree)))
    for file in sorted(folder.rglob("*whiteouts.json")):
        yield Check(f"vectors/{file.stem}", _in_folder(partial(_whiteouts, file)))


def _in_folder(check: Callable[[Path], Iterator[str]]) -> Callable[[Bench], list[str]]:
    """Return a check that works in a folder of its own."""

    def run(bench: Bench) -> list[str]:
        with tempfile.TemporaryDirectory(dir=bench.scratch, ignore_cleanup_errors=True) as folder:
            return list(check(Path(folder)))

    return run


def _apply(archive: Path, root: Path, how: Unpack = _LAYER) -> None:
    unpack(Stream(iter([archive.read_bytes()]), archive.name), root, how)


def _applied(vector: Path, expected: _Applied, entries: list[_Entry], root: Path) -> Iterator[str]:
    if (vector / "base.tar").exists():
        _apply(vector / "base.tar", root)
    try:
        _apply(vector / "layer.tar", root)
    except InputError as error:
        if not expected.error:
            yield f"error: {error.message}"
    else:
        if expected.error:
            yield f"recorded the error {expected.error!r}, is unpacked"
    yield from unequal(
        "tree", {entry.path: (entry.mode, entry.link or entry.content) for entry in entries}, _tree(root)
    )
    same = {frozenset({entry.path, entry.same_file_as}) for entry in entries if entry.same_file_as}
    yield from unequal("hard links", same, _links(root))


def _refused(vector: Path, folder: Path) -> Iterator[str]:
    """Unpack as ADD and load do, which refuse what leads out."""
    root, victim = _with_victim(folder)
    how = Unpack("remove" if "Layer" in vector.name else "keep", outside="refuse", devices="skip")
    with suppress(InputError):
        _apply(vector / "layer.tar", root, how)
    yield from unequal("beside the root", ["hello"], [path.name for path in victim.iterdir()])
    yield from unequal("content beside the root", _SECRET, (victim / "hello").read_text())
    let_in = [path.name for path in root.iterdir() if path.is_file() and path.read_text() == _SECRET]
    yield from unequal("let in", [], let_in)


def _confined(vector: Path, folder: Path) -> Iterator[str]:
    """Unpack as a snapshot is, where what leads out ends at the root."""
    root, victim = _with_victim(folder)
    with suppress(InputError):
        _apply(vector / "layer.tar", root, Unpack("overlay", devices="skip"))
    yield from unequal("beside the root", ["hello"], [path.name for path in victim.iterdir()])
    yield from unequal("names of what lies there", 1, (victim / "hello").stat().st_nlink)


def _with_victim(folder: Path) -> tuple[Path, Path]:
    root, victim = folder / "dest", folder / "victim"
    root.mkdir()
    victim.mkdir()
    (victim / "hello").write_text(_SECRET)
    return root, victim


def _whiteouts(file: Path, root: Path) -> Iterator[str]:
    """Apply changes one after the other."""
    for number, step in enumerate(msgspec.json.decode(file.read_bytes(), type=_Whiteouts).steps, start=1):
        members = [
            Member(Entry(name.rstrip("/"), "directory" if name.endswith("/") else "file")) for name in step.change
        ]
        unpack(Stream(tar_stream(members), "change"), root, _LAYER)
        found = [str(path.relative_to(root)) + ("/" if path.is_dir() else "") for path in root.rglob("*")]
        yield from unequal(f"step {number}", sorted(step.expected), sorted(found))


def _tree(root: Path) -> Tree:
    """Return type and mode as Go writes them, and content or target, of all that is below `root`."""
    found: Tree = {}
    for path in sorted(root.rglob("*")):
        mode = stat.filemode(path.lstat().st_mode)
        content: object = None
        if path.is_symlink():
            mode, content = "L" + mode[1:], os.readlink(path)  # noqa: PTH115 - as it stands there
        elif path.is_file():
            content = path.read_text()
        found[str(path.relative_to(root))] = (mode, content)
    return found


def _links(root: Path) -> set[frozenset[str]]:
    """Return the groups of names that are one file."""
    names: dict[int, set[str]] = {}
    for path in root.rglob("*"):
        if not path.is_dir() or path.is_symlink():
            names.setdefault(path.lstat().st_ino, set()).add(str(path.relative_to(root)))
    return {frozenset(group) for group in names.values() if len(group) > 1}
