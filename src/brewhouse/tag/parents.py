"""What images are built from: the parents of library entries, level by level.

Source: cmd-parents.go in cmd/bashbrew of docker-library/bashbrew.
"""

from collections.abc import Iterable, Iterator

import msgspec

from brewhouse.errors import InputError
from brewhouse.library import entries_with_tag
from brewhouse.model import Entry, Library
from brewhouse.oci.platform import Arch
from brewhouse.system.network.froms import FromsOf
from brewhouse.tag.folder import Choice, LibraryFolder
from brewhouse.tag.select import Selection


class Relative(msgspec.Struct, frozen=True):
    """An image that is built from another or the other way round, and how many steps away it is."""

    name: str
    depth: int


def images_of(library: Library, entry: Entry, selection: Selection, froms_of: FromsOf) -> list[str]:
    """Return every image that the Dockerfiles of `entry` name, over its architectures that count."""
    named = (froms_of.froms(library, entry, arch).images for arch in selection.arches(entry))
    return list(dict.fromkeys(image for images in named for image in images))


def parents(
    choice: Choice, folder: LibraryFolder, selection: Selection, froms_of: FromsOf, depth: int = 0
) -> Iterator[Relative]:
    """Yield what the chosen entries are built from, then what that is built from, to `depth` levels (0: all).

    An image is yielded once for each entry that names it, as bashbrew prints it. "scratch" is nobody's parent.
    Raises InputError where an image is built from itself.
    """
    kept = filter(selection.keeps, choice.entries)
    arches = dict.fromkeys(arch for entry in kept for arch in selection.arches(entry))
    choices, level = [choice], 1
    seen: set[str] = set()
    while choices and (depth == 0 or level <= depth):
        if level > len(seen) + 1:
            raise InputError(f"`{choice.library.name}` is built from something that is built from itself")
        found: dict[str, None] = {}
        for asked in choices:
            for entry in filter(selection.keeps, asked.entries):
                for image in parent_images(asked.library, entry, arches, froms_of):
                    found[image] = None
                    yield Relative(image, level)
        seen.update(found)
        choices = [known for image in found if (known := choice_of(image, folder))]
        level += 1


def parent_images(library: Library, entry: Entry, arches: Iterable[Arch], froms_of: FromsOf) -> list[str]:
    """Return the images that `entry` is built from on those of `arches` that it has."""
    named = (froms_of.froms(library, entry, arch).images for arch in arches if arch in entry.architectures)
    return list(dict.fromkeys(image for images in named for image in images if image != "scratch"))


def choice_of(image: str, folder: LibraryFolder) -> Choice | None:
    """Return the entries of the folder that `image` names, or nothing: images of others end the search."""
    repo, _, tag = image.partition(":")
    library = folder.get(repo) if "/" not in repo else None
    return Choice(library, tag) if library and entries_with_tag(library, tag) else None
