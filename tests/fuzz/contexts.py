"""Build contexts: small trees with links to everywhere, odd modes, and archives that are not what they seem."""

import bz2
import gzip
import io
import os
import tarfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from hypothesis import strategies as st

NAMES = ("a", "b", "dir", "x.txt", "é", "a b", "-", "deep", "old.tar", "new.tgz", "ba.tbz")
_STEPS = (*NAMES, "..", ".", "*", "?", "[a-d]*", "**", "")
PATHS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "", "", "/", "./", "../"]),
    st.lists(st.sampled_from(_STEPS), min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "", "/", "/."]),
).map(lambda path: path.replace(" ", "\\ "))

# What links of a context and members of an archive lead to; VICTIM stands for a folder beside the context.
VICTIM = "@VICTIM@"
TARGETS = (
    "a",
    "dir",
    "dir/b",
    "..",
    "../..",
    "/",
    "/etc/passwd",
    "self",
    ".",
    f"{VICTIM}",
    f"{VICTIM}/hello",
    "../victim",
)
_MEMBERS = ("a", "dir", "dir/b", "link", "link/b", "../out", "/out", "dir/../../out", "./a/", ".wh.a", ".wh..wh..opq")
_TYPES = (
    *(tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE),
    tarfile.REGTYPE,
    tarfile.DIRTYPE,
)


class Member(msgspec.Struct, frozen=True):
    """One entry of an archive."""

    name: str
    type: bytes
    target: str
    mode: int
    owner: int


class Node(msgspec.Struct, frozen=True):
    """One thing in a context: `kind` is file, folder, link, hard, pipe or archive."""

    path: str
    kind: str
    target: str
    mode: int
    members: tuple[Member, ...] = ()


_MODES = st.sampled_from([0o644, 0o755, 0o600, 0o4755, 0o2750, 0o1777, 0o444])
_ARCHIVES = st.lists(
    st.builds(
        Member,
        st.sampled_from(_MEMBERS),
        st.sampled_from(_TYPES),
        st.sampled_from(TARGETS),
        _MODES,
        st.sampled_from([0, 0, 5]),
    ),
    max_size=5,
).map(tuple)
_TAME = st.lists(
    st.sampled_from(
        [
            Member("dir", tarfile.DIRTYPE, "", 0o2750, 5),
            Member("dir/b", tarfile.REGTYPE, "", 0o4755, 5),
            Member("a", tarfile.REGTYPE, "", 0o600, 0),
            Member("./deep/er/", tarfile.DIRTYPE, "", 0o755, 0),
            Member("deep/er/x.txt", tarfile.REGTYPE, "", 0o644, 7),
            Member("link", tarfile.SYMTYPE, "dir", 0o777, 5),
            Member("link/b", tarfile.REGTYPE, "", 0o644, 0),
            Member("away", tarfile.SYMTYPE, "/etc", 0o777, 0),
            Member("pipe", tarfile.FIFOTYPE, "", 0o640, 3),
            Member("zero", tarfile.CHRTYPE, "", 0o666, 0),
            Member("out", tarfile.REGTYPE, "", 0o444, 0),
        ]
    ),
    max_size=6,
).map(lambda members: (*members, Member("hard", tarfile.LNKTYPE, members[-1].name, 0, 0)) if members else ())
_PLACES = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join)
_NODES = st.one_of(
    st.builds(
        Node,
        _PLACES,
        st.sampled_from(["file", "file", "folder", "link", "hard", "pipe"]),
        st.sampled_from(TARGETS),
        _MODES,
    ),
    st.builds(
        Node, st.sampled_from(["old.tar", "new.tgz", "ba.tbz", "a"]), st.just("archive"), st.just(""), _MODES, _ARCHIVES
    ),
)
CONTEXTS = st.lists(_NODES, max_size=8)
FULL_CONTEXTS = st.lists(_NODES, min_size=2, max_size=10)


def make_context(nodes: Sequence[Node], folder: Path, victim: Path) -> None:
    """Make a context; what cannot be made where something else is already is left out."""
    for node in nodes:
        path = folder / node.path
        if path.is_symlink() or path.exists() or any(parent.is_symlink() for parent in path.parents):
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        _make(node, path, folder, victim)


def _make(node: Node, path: Path, folder: Path, victim: Path) -> None:
    match node.kind:
        case "folder":
            path.mkdir(node.mode)
        case "link":
            path.symlink_to(node.target.replace(VICTIM, str(victim)))
        case "hard" if (folder / "a").is_file() and not (folder / "a").is_symlink():
            os.link(folder / "a", path)
        case "pipe":
            os.mkfifo(path, node.mode)
        case "archive":
            path.write_bytes(_archive(node, victim))
        case _:
            path.write_text(node.path)
            path.chmod(node.mode)


_ZERO = (1, 5)
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {"tgz": partial(gzip.compress, mtime=0), "tbz": bz2.compress}


def _archive(node: Node, victim: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in node.members:
            info = tarfile.TarInfo(member.name)
            info.type, info.mode = member.type, member.mode
            info.uid = info.gid = member.owner
            info.devmajor, info.devminor = _ZERO
            info.linkname = member.target.replace(VICTIM, str(victim))
            info.size = 4 if member.type == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"text"))
    return _COMPRESS.get(node.path[-3:], bytes)(buffer.getvalue())
