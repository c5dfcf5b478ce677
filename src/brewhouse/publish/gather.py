"""What the store has of the entries to be published, and what is missing or does not fit together."""

from collections.abc import Callable, Iterable

import msgspec

from brewhouse.errors import StoreError
from brewhouse.library import entries_with_tag
from brewhouse.model import CONTEXT_ANNOTATION, Entry, Image, Library
from brewhouse.oci.document import MANIFEST, Descriptor
from brewhouse.oci.platform import PLATFORMS, Arch, host_arch, parse_platform
from brewhouse.oci.reference import parse_reference
from brewhouse.publish.annotations import Base, annotated, image_annotations, registry_url, stands_on
from brewhouse.publish.bases import base_layers
from brewhouse.publish.destination import Destination
from brewhouse.publish.index import platform_of
from brewhouse.publish.tree import Tree
from brewhouse.system.store.layout import Layout


class Ready(msgspec.Struct, frozen=True):
    """An image of one architecture as it will be published: `tree` is its annotated manifest, with its blobs.

    `descriptor` is its line in an index; `context` is the digest of what it was brewed from, "" where nobody knows.
    """

    entry: Entry
    arch: Arch
    image: Image
    tree: Tree
    descriptor: Descriptor
    context: str


class Lack(msgspec.Struct, frozen=True):
    """Something that keeps an entry from being published."""

    name: str
    arch: str
    reason: str


BaseName = Callable[[str, Entry], str]
"""Returns by which name a repository's entry is built on its base ("debian:trixie-slim"), "" for none."""


class Gathered(msgspec.Struct, frozen=True):
    """All that was found of one repository."""

    ready: tuple[Ready, ...]
    lacks: tuple[Lack, ...]


def store_name(repo: str, tag: str, arch: Arch) -> str:
    """Return how the store calls an image: "python:3.14-trixie", "arm64v8/python:3.14-trixie" for another machine's.

    Simple tags of Windows images are theirs alone, and so have nothing in front.
    """
    prefix = "" if arch in (host_arch(), Arch.WINDOWS_AMD64) else f"{arch}/"
    return f"{prefix}{repo}:{tag}"


class Gatherer:
    """Looks images up in the store, and gives them the annotations that they are published with."""

    def __init__(
        self, layout: Layout, destination: Destination, base_name: BaseName, library_of: Callable[[str], Library | None]
    ) -> None:
        """Take the library files of bases, which are published with annotations too, from `library_of`."""
        self._layout = layout
        self._destination = destination
        self._base_name = base_name
        self._library_of = library_of
        self._of_bases = frozenset(base_layers(layout))

    def gather(self, repo: str, entries: Iterable[Entry], may_lack: frozenset[Arch]) -> Gathered:
        """Return what is ready of `entries`, and why what is not there may not be left out."""
        ready: list[Ready] = []
        lacks: list[Lack] = []
        for entry in entries:
            found: list[Ready] = []
            for arch in entry.architectures:
                outcome = self.find(repo, entry, arch)
                if isinstance(outcome, Ready):
                    found.append(outcome)
                elif arch not in may_lack:
                    lacks.append(outcome)
            lacks += _mixed(repo, entry, found)
            ready += found
        return Gathered(tuple(ready), tuple(lacks))

    def find(self, repo: str, entry: Entry, arch: Arch) -> Ready | Lack:
        """Return an image as it is published, or why it cannot be."""
        name, shown = store_name(repo, entry.tags[0], arch), f"{repo}:{entry.tags[0]}"
        descriptor = self._layout.find(parse_reference(name))
        if descriptor is None:
            return Lack(shown, arch, f"the store has no `{name}`")
        try:
            image = self._layout.image(descriptor, PLATFORMS[arch])
        except StoreError as error:
            return Lack(shown, arch, error.message)
        if parse_platform(str(image.config.value.platform)) != parse_platform(str(PLATFORMS[arch])):
            return Lack(shown, arch, f"`{name}` is for {image.config.value.platform}")
        layers = [blob.digest for blob in image.manifest.value.layers]
        missing = [digest for digest in layers if not self._layout.has_blob(digest)]
        if not self._of_bases.issuperset(missing):
            return Lack(shown, arch, f"the store lacks {len(missing)} layers of `{name}`")
        return self._ready(repo, entry, arch, image)

    def _ready(self, repo: str, entry: Entry, arch: Arch, image: Image) -> Ready:
        main = self._destination.main(repo)
        url = registry_url(main.domain, main.path)
        annotations = image_annotations(entry, arch, image, url, self._base(repo, entry, arch, image))
        manifest = annotated(image.manifest.value, annotations)
        own = manifest.descriptor(manifest.value.media_type or MANIFEST)
        tree = Tree(own, manifest.raw, (*manifest.value.layers, manifest.value.config))
        line = msgspec.structs.replace(own, platform=platform_of(image.config.value), annotations=annotations)
        return Ready(entry, arch, image, tree, line, manifest.value.annotations.get(CONTEXT_ANNOTATION, ""))

    def _base(self, repo: str, entry: Entry, arch: Arch, image: Image) -> Base | None:
        """Return the base of an image, if the store has the very one that it stands on."""
        name = self._base_name(repo, entry)
        base = parse_reference(name) if name else None
        library = self._library_of(base.repository) if base else None
        if base is None or library is None:
            return None
        for other in entries_with_tag(library, base.tag):
            found = self.find(library.name, other, arch) if arch in other.architectures else None
            if isinstance(found, Ready) and stands_on(image, found.image):
                return Base(f"{self._destination.main(library.name)}:{base.tag}", found.tree.descriptor.digest)
        return None


def _mixed(repo: str, entry: Entry, found: Iterable[Ready]) -> list[Lack]:
    """Return what does not come from the same sources as the rest: one index, one revision."""
    contexts: dict[str, list[str]] = {}
    for ready in found:
        contexts.setdefault(ready.context, []).append(ready.arch)
    if len(contexts) < 2:  # noqa: PLR2004 - one, or none
        return []
    groups = (f"{', '.join(arches)} from {context[:19] or 'nobody knows what'}" for context, arches in contexts.items())
    shown = "; ".join(groups)
    every = ", ".join(ready.arch for ready in found)
    return [Lack(f"{repo}:{entry.tags[0]}", every, f"they are not from one source revision: {shown}")]
