"""Where images are copied from and to: a repository of a registry, or a layout on disk (the store is one)."""

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import msgspec

from brewhouse.errors import BrewError, InputError, IntegrityError, StoreError
from brewhouse.oci.digest import Digest, digest_of, hex_part
from brewhouse.oci.document import LARGEST_DOCUMENT_BYTES, Descriptor
from brewhouse.oci.foreign import is_foreign
from brewhouse.oci.reference import Reference
from brewhouse.system.registry.blobs import blob_bytes, has_blob
from brewhouse.system.registry.client import Fetched
from brewhouse.system.registry.foreign import foreign_bytes
from brewhouse.system.registry.registries import Place, Registries
from brewhouse.system.registry.upload import mount_blob, upload_blob
from brewhouse.system.store.layout import Layout

Advance = Callable[[int], None]
"""Hears how many bytes of a blob are there."""

_COPY_BYTES = 1 << 20


class Source(Protocol):
    """An image, or several, that can be read."""

    def top(self) -> Fetched:
        """Return the manifest or index that was named."""

    def document(self, descriptor: Descriptor) -> bytes:
        """Return a manifest or index below the top, checked against its digest."""

    def pieces(self, descriptor: Descriptor, start: int = 0) -> Iterator[bytes]:
        """Yield a blob from a byte on; who takes them checks them."""

    def place_of(self, descriptor: Descriptor) -> Place | None:
        """Return the repository that a blob is read from, nothing where it lies on disk."""


class Target(Protocol):
    """Where images can be written."""

    takes_foreign: bool
    """Whether layers may stay that are found elsewhere only."""

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Tell whether a blob is there."""

    def has_document(self, descriptor: Descriptor, blobs: Sequence[Descriptor]) -> bool:
        """Tell whether a manifest or index is there with its blobs."""

    def put_blob(self, descriptor: Descriptor, source: Source, advance: Advance) -> None:
        """Take a blob from `source`, checked on the way."""

    def put_document(self, descriptor: Descriptor, raw: bytes) -> None:
        """Take a manifest or index, whose blobs are there already."""

    def name(self, descriptor: Descriptor, raw: bytes) -> None:
        """Let the target's name stand for what was put."""


class RegistrySource:
    """An image of a registry, read from the first of several places that has it."""

    def __init__(self, places: Sequence[Place] | Iterator[Place], name: str) -> None:
        """Look for `name`, a tag or digest, in `places` in their order; the last one's error is shown."""
        self._places = iter(places)
        self._name = name
        self._guard = threading.Lock()
        self._others: list[Place] = []
        self.place, self._top = self._find()

    def top(self) -> Fetched:
        """Return the manifest or index that was named."""
        return self._top

    def document(self, descriptor: Descriptor) -> bytes:
        """Return a manifest or index below the top, checked against its digest and size."""
        fetched = self.place.registry.fetch(self.place.repository, descriptor.digest)
        if len(fetched.raw) != descriptor.size:
            raise IntegrityError(f"{descriptor.digest} has {len(fetched.raw)} bytes, not {descriptor.size}")
        return fetched.raw

    def pieces(self, descriptor: Descriptor, start: int = 0) -> Iterator[bytes]:
        """Yield a blob from a byte on; a foreign layer that the registry lacks comes from where it says."""
        place = self.place
        if is_foreign(descriptor) and not has_blob(place.registry, place.repository, descriptor.digest):
            return foreign_bytes(descriptor, start, place.registry.transport.pauses_seconds)
        return self._blob(descriptor, start)

    def place_of(self, descriptor: Descriptor) -> Place:  # noqa: ARG002 - all blobs may come from one place
        """Return the repository."""
        return self.place

    def _blob(self, descriptor: Descriptor, start: int) -> Iterator[bytes]:
        """Yield a blob; where a mirror does not have it, or ends it for good, the next place goes on with it."""
        place: Place | None = self.place
        faults: list[BrewError] = []
        while place:
            try:
                for piece in blob_bytes(place.registry, place.repository, descriptor, start):
                    start += len(piece)
                    yield piece
            except BrewError as error:
                faults.append(error)
                place = self._other(len(faults) - 1)
            else:
                return
        raise faults[0]

    def _other(self, number: int) -> Place | None:
        """Return a place behind the one that has the manifest, of those that can be reached; none behind the last."""
        with self._guard:
            while len(self._others) <= number:
                try:
                    place = next(self._places, None)
                except BrewError:
                    continue
                if place is None:
                    return None
                self._others.append(place)
            return self._others[number]

    def _find(self) -> tuple[Place, Fetched]:
        fault: BrewError | None = None
        while True:
            try:
                place = next(self._places, None)
                if place is None:
                    break
                return place, place.registry.fetch(place.repository, self._name)
            except BrewError as error:
                fault = error
        raise fault or InputError("no registry is named")


class RegistryTarget:
    """A repository of a registry, and the tag that is set in the end, if any."""

    takes_foreign = False

    def __init__(self, place: Place, tag: str = "", mount_from: Sequence[str] = ()) -> None:
        """Write to `place`; blobs may be taken from other repositories of the same registry."""
        self.place = place
        self._tag = tag
        self._mount_from = mount_from

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Tell whether a blob is there."""
        return has_blob(self.place.registry, self.place.repository, descriptor.digest)

    def has_document(self, descriptor: Descriptor, blobs: Sequence[Descriptor]) -> bool:  # noqa: ARG002 - see below
        """Tell whether a manifest or index is there; the registry took it only with its blobs."""
        return self.place.registry.head(self.place.repository, descriptor.digest) == descriptor.digest

    def put_blob(self, descriptor: Descriptor, source: Source, advance: Advance) -> None:
        """Mount a blob where the registry has it already, or else upload it."""
        registry, repository = self.place.registry, self.place.repository
        known = [*self._mount_from]
        place = source.place_of(descriptor)
        if place and place.registry is registry:
            known.append(place.repository)
        for other in known:
            if other != repository and mount_blob(registry, repository, descriptor, other):
                advance(descriptor.size)
                return
        upload_blob(registry, repository, descriptor, lambda: source.pieces(descriptor), advance)

    def put_document(self, descriptor: Descriptor, raw: bytes) -> None:
        """Push a manifest or index by its digest."""
        self.place.registry.put(self.place.repository, descriptor.digest, descriptor.media_type, raw)

    def name(self, descriptor: Descriptor, raw: bytes) -> None:
        """Set the tag, unless it stands for the same already."""
        registry, repository = self.place.registry, self.place.repository
        if self._tag and registry.head(repository, self._tag) != descriptor.digest:
            registry.put(repository, self._tag, descriptor.media_type, raw)


class Elsewhere(Protocol):
    """Where blobs are that a layout names and does not have."""

    def find(self, blob: Descriptor) -> tuple[RegistrySource, Descriptor]:
        """Return an image that has the blob, and how it names it; raises StoreError where nobody knows of one."""


class LayoutSource:
    """An image of a layout."""

    def __init__(self, layout: Layout, entry: Descriptor, elsewhere: Elsewhere | None = None) -> None:
        """Read what `entry` of the layout's index stands for; what the layout lacks is read from `elsewhere`."""
        self.layout = layout
        self._elsewhere = elsewhere
        self._entry = msgspec.structs.replace(entry, annotations={}, platform=None)

    def top(self) -> Fetched:
        """Return the manifest or index that was named."""
        return Fetched(self._entry, self.layout.read_blob(self._entry))

    def document(self, descriptor: Descriptor) -> bytes:
        """Return a manifest or index below the top."""
        return self.layout.read_blob(descriptor)

    def pieces(self, descriptor: Descriptor, start: int = 0) -> Iterator[bytes]:
        """Yield a blob from a byte on."""
        if self._elsewhere and not self.layout.has_blob(descriptor.digest):
            source, blob = self._elsewhere.find(descriptor)
            yield from source.pieces(blob, start)
            return
        try:
            file = self.layout.blob_path(descriptor.digest).open("rb", buffering=0)
        except FileNotFoundError:
            mend = "pull or make the image again"
            raise StoreError(f"blob {descriptor.digest} is missing from {self.layout.root}", hint=mend) from None
        with file:
            file.seek(start)
            while piece := file.read(_COPY_BYTES):
                yield piece

    def place_of(self, descriptor: Descriptor) -> Place | None:
        """Return the repository that has what the layout lacks."""
        if self._elsewhere is None or self.layout.has_blob(descriptor.digest):
            return None
        return self._elsewhere.find(descriptor)[0].place


class LayoutTarget:
    """A layout, and the names that are given in the end; a repeated pull goes on where the last one was killed."""

    takes_foreign = True

    def __init__(self, layout: Layout, names: Sequence[str] = (), partial: Path | None = None) -> None:
        """Keep what is unfinished in the folder `partial`, if there is one."""
        self.layout = layout
        self._names = names
        self._partial = partial

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Tell whether a blob is there."""
        return self.layout.has_blob(descriptor.digest)

    def has_document(self, descriptor: Descriptor, blobs: Sequence[Descriptor]) -> bool:
        """Tell whether a manifest or index is there with its blobs."""
        return all(self.layout.has_blob(blob.digest) for blob in (descriptor, *blobs))

    def put_blob(self, descriptor: Descriptor, source: Source, advance: Advance) -> None:
        """Take a blob, checked while it is written; raises IntegrityError for other bytes than the digest's."""
        if self._partial is None or is_foreign(descriptor):
            with self.layout.new_file() as path, path.open("w+b") as file:
                _fill(file, descriptor, source, advance)
                self.layout.adopt_blob(path, descriptor.digest)
            return
        with _partial_file(self._partial / hex_part(descriptor.digest)) as file:
            if not self.layout.has_blob(descriptor.digest):  # else another process was faster
                _fill(file, descriptor, source, advance)
                self.layout.adopt_blob(Path(file.name), descriptor.digest)

    def put_document(self, descriptor: Descriptor, raw: bytes) -> None:
        """Take a manifest or index."""
        self.layout.write_blob(raw, descriptor.media_type)

    def name(self, descriptor: Descriptor, raw: bytes) -> None:  # noqa: ARG002 - of use to registries
        """Give the names to what was put."""
        self.layout.tag(self._names, descriptor)


def registry_source(reference: Reference, registries: Registries) -> RegistrySource:
    """Return an image of a registry, or of the first of its mirrors that has it."""
    return RegistrySource(registries.readers(reference), reference.digest or reference.tag)


def partial_folder(store: Layout) -> Path:
    """Return where unfinished blobs are kept, to be gone on with."""
    return store.downloads / "partial"


def checked_document(raw: bytes, descriptor: Descriptor) -> bytes:
    """Return a document's bytes; raises IntegrityError where they are not what `descriptor` says."""
    if len(raw) != descriptor.size or digest_of(raw) != descriptor.digest:
        raise IntegrityError(f"{descriptor.digest} came with other bytes than its digest says")
    return raw


def read_small(source: Source, descriptor: Descriptor) -> bytes:
    """Return a small blob (a config), checked; raises InputError for one that is too large to be one."""
    if descriptor.size > LARGEST_DOCUMENT_BYTES:
        raise InputError(f"config {descriptor.digest} is larger than {LARGEST_DOCUMENT_BYTES >> 20} MiB")
    pieces, length = [], 0
    for piece in source.pieces(descriptor):
        pieces.append(piece)
        length += len(piece)
        if length > descriptor.size:
            break
    return checked_document(b"".join(pieces), descriptor)


def _fill(file: IO[bytes], descriptor: Descriptor, source: Source, advance: Advance) -> None:
    """Complete a file that may hold the beginning of the blob already; what turns out wrong is fetched once more."""
    sha256, length = hashlib.sha256(), 0
    file.seek(0)
    while piece := file.read(_COPY_BYTES):
        sha256.update(piece)
        length += len(piece)
    kept = length
    if length > descriptor.size:
        sha256, length, kept = _emptied(file)
    for piece in source.pieces(descriptor, length) if length < descriptor.size else ():
        length += len(piece)
        if length > descriptor.size:
            file.truncate(0)
            raise IntegrityError(f"blob {descriptor.digest} is longer than its {descriptor.size} bytes")
        sha256.update(piece)
        file.write(piece)
        advance(length)
    file.flush()
    if Digest(f"sha256:{sha256.hexdigest()}") == descriptor.digest and length == descriptor.size:
        return
    _emptied(file)
    if not kept:
        raise IntegrityError(
            f"blob {descriptor.digest} has other content than its digest says",
            hint="it was damaged on the way or at its source; try again, or another mirror",
        )
    _fill(file, descriptor, source, advance)  # what was left from the last time may be at fault


def _emptied(file: IO[bytes]) -> tuple["hashlib._Hash", int, int]:
    file.seek(0)
    file.truncate(0)
    return hashlib.sha256(), 0, 0


@contextmanager
def _partial_file(path: Path) -> Iterator[IO[bytes]]:
    """Open an unfinished file that is kept between runs, with no other process at it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever held the lock before may have renamed the file: then this one is not under the name any more.
            if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                try:
                    yield file
                finally:
                    if os.fstat(file.fileno()).st_size == 0:  # nothing to go on with
                        path.unlink(missing_ok=True)
                return
