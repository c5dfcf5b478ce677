"""What a change of a library file does: to tags, to Dockerfiles, and to images that are built from them."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from brewhouse.library import repo_tags, source_of
from brewhouse.model import Entry, Library, Source
from brewhouse.oci.platform import Arch
from brewhouse.system.network.froms import FromsOf


class TagChange(msgspec.Struct, frozen=True):
    """A tag that stands for something else; `before` and `after` are the first tags of the images it stands for.

    `latest` that goes from 3.14.6-trixie to 3.14.7-trixie moves; `kind` is "appears", "moves" or "vanishes".
    """

    tag: str
    kind: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    architectures: tuple[Arch, ...]


class SourceChange(msgspec.Struct, frozen=True):
    """An image, named by its first tag, that is made from another Dockerfile, commit or repository than before."""

    image: str
    before: Source
    after: Source
    architectures: tuple[Arch, ...]


class Consequence(msgspec.Struct, frozen=True):
    """An image of the library that must be made again because `parent`, which it is built from, changes."""

    image: str
    parent: str
    architectures: tuple[Arch, ...]


class Diff(msgspec.Struct, frozen=True):
    """All that a change of the library file `name` does."""

    name: str
    tags: tuple[TagChange, ...] = ()
    sources: tuple[SourceChange, ...] = ()
    consequences: tuple[Consequence, ...] = ()


def diff_libraries(before: Library, after: Library, libraries: Sequence[Library], froms_of: FromsOf) -> Diff:
    """Return what happens when `before` becomes `after`; `libraries` are searched for what is built from it."""
    return Diff(
        after.name,
        tuple(tag_changes(before, after)),
        tuple(source_changes(before, after)),
        tuple(consequences(before, after, libraries, froms_of)),
    )


def tag_changes(before: Library, after: Library) -> Iterator[TagChange]:
    """Yield the tags that stand for other images, in the order of the new file, those that are gone last."""
    changes: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[Arch]] = {}
    for arch in Arch:
        old, new = images_by_tag(before, arch), images_by_tag(after, arch)
        for tag in (*new, *(tag for tag in old if tag not in new)):
            change = (tag, old.get(tag, ()), new.get(tag, ()))
            if change[1] != change[2]:
                changes.setdefault(change, []).append(arch)
    order = dict.fromkeys((*every_tag(after), *every_tag(before)))
    positions = {tag: number for number, tag in enumerate(order)}
    for (tag, was, now), arches in sorted(changes.items(), key=lambda item: positions[item[0][0]]):
        kind = "appears" if not was else "moves" if now else "vanishes"
        yield TagChange(tag, kind, was, now, tuple(arches))


def images_by_tag(library: Library, arch: Arch) -> dict[str, tuple[str, ...]]:
    """Return for each tag the first tags of the images that it stands for on `arch`."""
    images: dict[str, tuple[str, ...]] = {}
    for entry in entries_on(library, arch):
        for tag in (*entry.tags, *entry.shared_tags):
            images[tag] = (*images.get(tag, ()), entry.tags[0])
    return images


def entries_on(library: Library, arch: Arch) -> Iterator[Entry]:
    """Yield the entries that are built for `arch`."""
    return (entry for entry in library.entries if arch in entry.architectures)


def every_tag(library: Library) -> Iterator[str]:
    """Yield every simple and shared tag, in file order."""
    for entry in library.entries:
        yield from (*entry.tags, *entry.shared_tags)


def source_changes(before: Library, after: Library) -> Iterator[SourceChange]:
    """Yield the images that keep a tag of their own and change what they are made from, in file order.

    An image whose first tag is new is compared with the one that had any of its tags: 3.14.7-trixie with 3.14.6-trixie
    where both are 3.14-trixie.
    """
    changes: dict[tuple[str, Source, Source], list[Arch]] = {}
    for entry in after.entries:
        for arch in entry.architectures:
            earlier = predecessor(entry, before, arch)
            if earlier and source_of(earlier, arch) != source_of(entry, arch):
                change = (entry.tags[0], source_of(earlier, arch), source_of(entry, arch))
                changes.setdefault(change, []).append(arch)
    for (image, was, now), arches in changes.items():
        yield SourceChange(image, was, now, tuple(arches))


def predecessor(entry: Entry, before: Library, arch: Arch) -> Entry | None:
    """Return the image of `before` that had the first of the simple tags of `entry` that was there at all."""
    owners = {tag: earlier for earlier in entries_on(before, arch) for tag in earlier.tags}
    return next((owners[tag] for tag in entry.tags if tag in owners), None)


def consequences(
    before: Library, after: Library, libraries: Sequence[Library], froms_of: FromsOf
) -> Iterator[Consequence]:
    """Yield the images that are built from changed ones, and from those in turn, over all `libraries`.

    An image that changes itself is no consequence.
    """
    found: dict[tuple[str, str], list[Arch]] = {}
    froms_of.prepare(libraries)
    for arch in Arch:
        changed = dict.fromkeys(changed_tags(before, after, arch), "")
        for image, parent in rebuilt(changed, libraries, arch, froms_of):
            found.setdefault((image, parent), []).append(arch)
    for (image, parent), arches in found.items():
        yield Consequence(image, parent, tuple(arches))


def changed_tags(before: Library, after: Library, arch: Arch) -> Iterator[str]:
    """Yield the names ("python:3.14") that stand for an image of other build inputs than before, or for a new one."""
    old, new = sources_by_tag(before, arch), sources_by_tag(after, arch)
    return (f"{after.name}:{tag}" for tag, sources in new.items() if sources != old.get(tag))


def sources_by_tag(library: Library, arch: Arch) -> Mapping[str, list[Source]]:
    """Return for each tag what the images are made from that it stands for on `arch`."""
    sources: dict[str, list[Source]] = {}
    for entry in entries_on(library, arch):
        for tag in (*entry.tags, *entry.shared_tags):
            sources.setdefault(tag, []).append(source_of(entry, arch))
    return sources


def rebuilt(
    changed: Mapping[str, str], libraries: Sequence[Library], arch: Arch, froms_of: FromsOf
) -> Iterator[tuple[str, str]]:
    """Yield each image of `arch` that is built from one of `changed`, with that one, nearest first."""
    names = dict(changed)
    waiting = [
        (library, entry, froms_of.froms(library, entry, arch).images)
        for library in libraries
        for entry in entries_on(library, arch)
        if f"{library.name}:{entry.tags[0]}" not in changed
    ]
    while True:
        reached = [(item, next((image for image in item[2] if image in names), "")) for item in waiting]
        if not any(parent for _, parent in reached):
            return
        for (library, entry, _), parent in reached:
            if parent:
                yield f"{library.name}:{entry.tags[0]}", parent
                names.update(dict.fromkeys(repo_tags(entry, library.name), parent))
        waiting = [item for item, parent in reached if not parent]
