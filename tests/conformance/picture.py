"""What can be seen of an image: its files as all layers together give them, its container config, its history.

Times are left out: they are those of two builds. So are extended attributes but capabilities, since `docker save`
writes no others.
"""

import posixpath
import tarfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

# Docker writes the file type into the mode too.
_PERMISSIONS = 0o7777
_UMASK = 0o022
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_CAPABILITY = "SCHILY.xattr.security.capability"
# What older executors leave of the mount points of a step, and newer ones and we remove again.
_STUBS = frozenset({"dev", "proc", "sys", "etc", "etc/hosts", "etc/resolv.conf", "dev/shm", "dev/pts", "dev/mqueue"})


class Node(msgspec.Struct, frozen=True):
    """A file; `content` is a digest, where a link leads, or a device's numbers; `same` a name of the same inode."""

    type: str
    mode: str
    owner: tuple[int, int]
    content: str = ""
    capability: str = ""
    same: str = ""


Tree = dict[str, Node]


class Picture(msgspec.Struct, frozen=True):
    """An image, comparable: `config` without empty values, `history` of created_by, author and "has no layer"."""

    config: dict[str, object]
    tree: Tree
    history: tuple[tuple[str, str, bool], ...] = ()


class _Image(msgspec.Struct):
    """A line of manifest.json in what `save` writes."""

    config: str = msgspec.field(name="Config")
    layers: list[str] = msgspec.field(name="Layers")
    tags: list[str] | None = msgspec.field(name="RepoTags", default=None)


class _Step(msgspec.Struct):
    created_by: str = ""
    author: str = ""
    empty_layer: bool = False


class _Config(msgspec.Struct):
    config: dict[str, object] = {}
    architecture: str = ""
    os: str = ""
    author: str = ""
    history: list[_Step] = []


def saved_pictures(archive: Path) -> dict[str, Picture]:
    """Return what `save` wrote of images, each by its first name ("" where it has none)."""
    with tarfile.open(archive) as opened:
        images = msgspec.json.decode(_content(opened, "manifest.json"), type=list[_Image])
        return {
            (image.tags or [""])[0]: picture(_content(opened, image.config), _layers(opened, image.layers))
            for image in images
        }


def picture(config: bytes, layers: Iterable[tarfile.TarFile]) -> Picture:
    """Return the picture of an image that has this config and these layers."""
    read = msgspec.json.decode(config, type=_Config)
    tree: Tree = {}
    for number, layer in enumerate(layers):
        _apply(layer, tree, number)
    whole = {**read.config, "architecture": read.architecture, "os": read.os, "author": read.author}
    history = tuple((step.created_by, step.author, step.empty_layer) for step in read.history)
    return Picture({key: value for key, value in whole.items() if value}, _named(tree), history)


def differences(theirs: Picture, ours: Picture, volatile: Iterable[str] = ()) -> Iterator[str]:
    """Yield what differs between two images in config and tree, Docker's first."""
    for key in sorted({*theirs.config, *ours.config}):
        if theirs.config.get(key) != ours.config.get(key):
            yield f"config {key}: docker {theirs.config.get(key)!r}, we {ours.config.get(key)!r}"
    for path in sorted({*theirs.tree, *ours.tree}.difference(volatile)):
        there, here = theirs.tree.get(path), ours.tree.get(path)
        if there != here and not (path in _STUBS and _is_stub(here)) and not _is_masked(there, here):
            yield f"{path}: docker {there}, we {here}"


def _is_stub(node: Node | None) -> bool:
    return node is None or node.type == "folder"


def _is_masked(theirs: Node | None, ours: Node | None) -> bool:
    """Tell whether folders differ only by the umask of Docker's daemon: `buildkitd` has none, and so have we."""
    if not theirs or not ours or theirs.type != "folder":
        return False
    return theirs == msgspec.structs.replace(ours, mode=oct(int(ours.mode, 8) & ~_UMASK))


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    return file.read() if file else b""


def _layers(opened: tarfile.TarFile, names: Iterable[str]) -> Iterator[tarfile.TarFile]:
    for name in names:
        with tarfile.open(fileobj=opened.extractfile(_followed(opened, name))) as layer:
            yield layer


def _followed(archive: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    """Return a layer's entry; Docker writes one layer that comes twice as a link."""
    member = archive.getmember(name)
    return (
        archive.getmember(posixpath.normpath(f"{posixpath.dirname(name)}/{member.linkname}"))
        if member.issym()
        else member
    )


def _apply(layer: tarfile.TarFile, tree: Tree, number: int) -> None:
    """Change a tree as a layer says; a hard link is the very file that it is linked to."""
    for member in layer:
        path = posixpath.normpath(member.name.lstrip("/"))
        parent, name = posixpath.split(path)
        if name == _OPAQUE:
            _remove(tree, parent, itself=False)
        elif name.startswith(_WHITEOUT):
            _remove(tree, posixpath.join(parent, name.removeprefix(_WHITEOUT)), itself=True)
        elif path != ".":
            if not member.isdir():
                _remove(tree, path, itself=False)
            link = posixpath.normpath(member.linkname.lstrip("/"))
            tree[path] = tree[link] if member.islnk() else _node(layer, member, f"{number}:{path}")


def _remove(tree: Tree, path: str, *, itself: bool) -> None:
    for known in [known for known in tree if known.startswith(f"{path}/") or (itself and known == path)]:
        del tree[known]


def _node(layer: tarfile.TarFile, member: tarfile.TarInfo, inode: str) -> Node:
    owner, mode = (member.uid, member.gid), oct(member.mode & _PERMISSIONS)
    if member.isdir():
        return Node("folder", mode, owner)
    if member.issym():
        return Node("link", "", owner, member.linkname, same=inode)
    file = layer.extractfile(member) if member.isreg() else None
    content = sha256(file.read()).hexdigest()[:12] if file else f"{member.devmajor},{member.devminor}"
    capability = member.pax_headers.get(_CAPABILITY, "")
    return Node("file" if file else f"type {member.type.decode()}", mode, owner, content, capability, inode)


def _named(tree: Tree) -> Tree:
    """Return the tree with the first name that an inode still has, for inodes with several."""
    names: dict[str, list[str]] = {}
    for path in sorted(tree):
        names.setdefault(tree[path].same, []).append(path)
    return {
        path: msgspec.structs.replace(node, same=names[node.same][0] if node.same and len(names[node.same]) > 1 else "")
        for path, node in tree.items()
    }
