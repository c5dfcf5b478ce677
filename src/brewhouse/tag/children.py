"""What is built from an image, across a whole library folder, level by level.

Source: cmd-children.go in cmd/bashbrew of docker-library/bashbrew.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from brewhouse.errors import InputError
from brewhouse.library import repo_tags, with_namespace
from brewhouse.model import Library
from brewhouse.oci.platform import Arch
from brewhouse.system.network.froms import FromsOf
from brewhouse.tag.parents import Relative
from brewhouse.tag.select import Selection

# Ordered sets: the values of the mappings have no meaning.
_Names: TypeAlias = dict[str, None]
_Arches: TypeAlias = dict[Arch, None]


class Descent(msgspec.Struct, frozen=True):
    """Who is built from whom in a whole library folder; images are named by repository and first tag.

    `canonical` has the first tag for each tag, `arches` the architectures of each image, `children` those built from
    it, `tags` the images of each repository. Images of others are there as soon as somebody is built from them.
    """

    canonical: dict[str, str] = {}
    arches: dict[str, _Arches] = {}
    children: dict[str, _Names] = {}
    tags: dict[str, _Names] = {}


def read_descent(libraries: Sequence[Library], selection: Selection, namespace: str, froms_of: FromsOf) -> Descent:
    """Return who is built from whom among the entries that count."""
    descent = Descent()
    kept = [(library, entry) for library in libraries for entry in library.entries if selection.keeps(entry)]
    for library, entry in kept:
        repo = with_namespace(namespace, library.name)
        first = f"{repo}:{entry.tags[0]}"
        for name in repo_tags(entry, repo):
            # Of those who share a tag the first owns it here: mostly Linux, which is mostly meant.
            descent.canonical.setdefault(name, first)
        descent.arches.setdefault(first, {}).update(dict.fromkeys(selection.arches(entry)))
        descent.tags.setdefault(repo, {})[first] = None
    froms_of.prepare(libraries)
    for library, entry in kept:
        first = f"{with_namespace(namespace, library.name)}:{entry.tags[0]}"
        for arch in selection.arches(entry):
            for image in froms_of.froms(library, entry, arch).images:
                add_child(descent, image, first, arch)
    return descent


def add_child(descent: Descent, image: str, child: str, arch: Arch) -> None:
    """Note that `child` is built from `image` on `arch`."""
    parent = descent.canonical.get(image, image)
    if image not in descent.canonical:
        descent.arches.setdefault(parent, {})[arch] = None
    descent.children.setdefault(parent, {})[child] = None
    repo, colon, _ = parent.partition(":")
    if colon:
        descent.tags.setdefault(repo, {})[parent] = None


def find_images(descent: Descent, name: str, namespace: str) -> list[str]:
    """Return the images that `name` means: a tag, or all tags of a repository; raises InputError for neither."""
    if name in descent.children:
        return [name]
    if name in descent.canonical:
        return [descent.canonical[name]]
    images = descent.tags.get(with_namespace(namespace, name)) or descent.tags.get(name)
    if not images:
        raise InputError(f"`{name}` is not in the library and nothing is built from it", hint="name a repo or repo:tag")
    return list(images)


def children(descent: Descent, image: str, depth: int = 0) -> Iterator[Relative]:
    """Yield what is built from `image`, then what is built from that, to `depth` levels (0: all).

    Only those count that have an architecture in common with `image`. One is yielded for each way that leads to it.
    Raises InputError where an image is built from itself.
    """
    arches = descent.arches.get(image, {}).keys()
    images, level = [image], 1
    while images and (depth == 0 or level <= depth):
        if level > len(descent.arches):
            raise InputError(f"`{image}` is built from something that is built from it")
        images = [
            child
            for parent in images
            for child in descent.children.get(parent, {})
            if arches & descent.arches.get(child, {}).keys()
        ]
        yield from (Relative(child, level) for child in images)
        level += 1
