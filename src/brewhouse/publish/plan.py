"""What is ready -> indexes and the tags that will stand for them; pure."""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from brewhouse.library import shared_tag_groups
from brewhouse.model import Entry, Library
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import INDEX
from brewhouse.oci.platform import Arch
from brewhouse.oci.reference import Reference
from brewhouse.publish.annotations import MISSING
from brewhouse.publish.destination import Destination
from brewhouse.publish.gather import Ready
from brewhouse.publish.index import make_index
from brewhouse.publish.tree import Tree


class Put(msgspec.Struct, frozen=True):
    """What one repository gets: a tree under some tags, the most exact first; `is_main` in the main namespace."""

    repository: Reference
    tags: tuple[str, ...]
    tree: Tree
    is_main: bool = False


class Move(msgspec.Struct, frozen=True):
    """A tag that changes what it stands for; `old` is nothing where it is new."""

    repository: Reference
    tag: str
    old: Digest | None
    new: Tree

    @property
    def name(self) -> str:
        """Return the tag's whole name."""
        return str(msgspec.structs.replace(self.repository, tag=self.tag))


def plan_puts(
    library: Library, ready: Sequence[Ready], destination: Destination, may_lack: frozenset[Arch] = frozenset()
) -> list[Put]:
    """Return what is put where: images of each architecture, then indexes of simple and of shared tags.

    A shared tag appears only where every entry that has it is there, but for those whose architectures may all lack.
    """
    found: dict[tuple[str, ...], list[Ready]] = {}
    for image in ready:
        found.setdefault(image.entry.tags, []).append(image)
    shared = [
        (group.shared_tags, group.entries, [image for entry in group.entries for image in found.get(entry.tags, ())])
        for group in shared_tag_groups(library)
        if all(entry.tags in found or may_lack.issuperset(entry.architectures) for entry in group.entries)
    ]
    groups = [
        *((entry.tags, (entry,), found[entry.tags]) for entry in library.entries if entry.tags in found),
        *((tags, entries, images) for tags, entries, images in shared if images),
    ]
    main = destination.main(library.name)
    by_arch = [put for tags, _, images in groups for put in _arch_puts(library.name, tags, images, destination)]
    return by_arch + [Put(main, tags, index_of(images, entries), is_main=True) for tags, entries, images in groups]


def _arch_puts(repo: str, tags: tuple[str, ...], images: Sequence[Ready], destination: Destination) -> list[Put]:
    """Return what the namespaces of architectures get: an image, or an index where several share the tags."""
    puts = []
    for arch in sorted({image.arch for image in images}):
        repository = destination.arch(repo, arch)
        own = [image for image in images if image.arch == arch]
        if repository:
            tree = own[0].tree if len(own) == 1 else index_of(own, ())
            puts.append(Put(repository, tags, tree))
    return puts


def index_of(images: Sequence[Ready], entries: Iterable[Entry]) -> Tree:
    """Return the index of some images; architectures that `entries` declare and nobody has are recorded in it."""
    there = {image.arch for image in images}
    missing = sorted({arch for entry in entries for arch in entry.architectures} - there)
    index = make_index([image.descriptor for image in images], {MISSING: ",".join(missing)} if missing else {})
    return Tree(index.descriptor(INDEX), index.raw, (), tuple(image.tree for image in images))


def plan_moves(puts: Iterable[Put], current: Mapping[str, Digest | None]) -> list[Move]:
    """Return which tags change, given what all of them stand for now, by their whole names."""
    moves = []
    for put in puts:
        for tag in put.tags:
            move = Move(put.repository, tag, None, put.tree)
            old = current[move.name]
            if old != put.tree.descriptor.digest:
                moves.append(msgspec.structs.replace(move, old=old))
    return moves


def immutable_put(put: Put, date: str, known: Mapping[str, Digest | None]) -> Put | None:
    """Return the put of an index under a tag that will never move: "3.14.6-slim-20261122.1".

    `known` are tags of this form that the repository has, and what they stand for. Nothing is returned where the last
    of them stands for this index already.
    """
    pattern = re.compile(re.escape(put.tags[0]) + r"-(\d{8})\.(\d+)")
    found = {(match[1], int(match[2])): known[tag] for tag in known if (match := pattern.fullmatch(tag))}
    if found and found[max(found)] == put.tree.descriptor.digest:
        return None
    number = 1 + max((number for day, number in found if day == date), default=0)
    return msgspec.structs.replace(put, tags=(f"{put.tags[0]}-{date}.{number}",))
