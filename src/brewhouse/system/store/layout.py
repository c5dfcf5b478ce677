"""The store: an OCI image layout (v1.1) on disk, beside unpacked snapshots, build cache, downloads and logs.

    oci-layout  index.json  blobs/sha256/     the layout; skopeo and umoci read it as it lies there
    snapshots/  cache/  downloads/  locks/    derived or fetched: can be made again
    logs/  tmp/                               one folder for each running process

Every write is temporary name, fsync, rename, so that a killed process leaves a whole store. Two processes may use one
store at once: each holds `lock` shared, `prune` holds it alone, `index.json` changes under `index.lock`, and folders of
tmp/ come and go under `tmp.lock`.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

import msgspec

from brewhouse.errors import InputError, IntegrityError, StoreError
from brewhouse.model import Image
from brewhouse.oci.digest import Digest, digest_of, hex_part, parse_digest
from brewhouse.oci.document import (
    CONFIG,
    INDEX,
    INDEX_TYPES,
    LARGEST_DOCUMENT_BYTES,
    MANIFEST,
    REF_NAME,
    D,
    Descriptor,
    Document,
    ImageConfig,
    Index,
    Manifest,
    read_document,
)
from brewhouse.oci.platform import PLATFORMS, Platform, fitting_platforms, has_version_for, host_arch, parse_platform
from brewhouse.oci.reference import Reference
from brewhouse.system.kernel import spread_folders
from brewhouse.system.store.disk import disk_error, new_name, remove_tree, sync_folder, write_file

# The digest of the index that an image was chosen from when it was pulled, so that `FROM x@INDEX` finds it again.
CHOSEN_FROM = "dev.brewhouse.index"

LAYOUT_MARKER = b'{"imageLayoutVersion":"1.0.0"}'
_COPY_BYTES = 1 << 20
_PRIVATE_MODE = 0o700
_OF_OTHERS = 0o077


class Layout:
    """An opened store."""

    def __init__(self, root: Path) -> None:
        """Name the folders; `open_layout` makes and checks them."""
        self.root = root
        self.blobs = root / "blobs" / "sha256"
        self.snapshots = root / "snapshots"
        self.cache = root / "cache"
        self.downloads = root / "downloads"
        self.locks = root / "locks"
        self.logs = root / "logs"
        self.volumes = root / "volumes"
        self.tmp = root / "tmp" / f"{os.getpid()}-{new_name()}"
        self.lock = -1

    # Blobs ---------------------------------------------------------------------------------------------------------

    def blob_path(self, digest: Digest) -> Path:
        """Return where the blob is, or would be."""
        return self.blobs / hex_part(digest)

    def has_blob(self, digest: Digest) -> bool:
        """Tell whether the blob is stored."""
        return self.blob_path(digest).is_file()

    def read_blob(self, descriptor: Descriptor) -> bytes:
        """Return a small blob (a document), checked against digest and size; raises StoreError where it differs."""
        if descriptor.size > LARGEST_DOCUMENT_BYTES:
            raise StoreError(f"blob {descriptor.digest} is too large for a document: {descriptor.size} bytes")
        try:
            with self.blob_path(descriptor.digest).open("rb") as file:
                content = file.read(descriptor.size + 1)
        except FileNotFoundError:
            raise StoreError(f"blob {descriptor.digest} is missing from {self.root}") from None
        if len(content) != descriptor.size or digest_of(content) != descriptor.digest:
            raise StoreError(
                f"blob {descriptor.digest} in {self.root} is damaged", hint="remove the image and make it again"
            )
        return content

    def write_blob(self, content: bytes, media_type: str) -> Descriptor:
        """Store `content` and return what it is."""
        digest = digest_of(content)
        if not self.has_blob(digest):
            write_file(self.blob_path(digest), content, tmp=self.tmp)
        return Descriptor(media_type, digest, len(content))

    @contextmanager
    def new_file(self) -> Iterator[Path]:
        """Give a temporary path in the store's file system; what is left there afterwards is removed."""
        path = self.tmp / new_name()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def adopt_blob(self, file: Path, digest: Digest) -> None:
        """Take a finished temporary file, whose digest the caller computed while writing, as a blob."""
        with file.open("rb") as written:
            os.fsync(written.fileno())
        file.chmod(0o644)
        file.rename(self.blob_path(digest))
        sync_folder(self.blobs)

    def ingest(self, source: IO[bytes], descriptor: Descriptor) -> None:
        """Store what `source` gives as the blob `descriptor`, checked while it is read.

        Raises IntegrityError for other bytes than the digest's, and stops at size + 1.
        """
        if self.has_blob(descriptor.digest):
            return
        with self.new_file() as path:
            sha256, left = hashlib.sha256(), descriptor.size
            with path.open("wb") as file:
                while chunk := source.read(min(_COPY_BYTES, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        raise IntegrityError(f"blob {descriptor.digest} is longer than its {descriptor.size} bytes")
                    sha256.update(chunk)
                    file.write(chunk)
            if left or sha256.hexdigest() != hex_part(descriptor.digest):
                raise IntegrityError(f"blob {descriptor.digest} has other content than its digest says")
            self.adopt_blob(path, descriptor.digest)

    # Names ---------------------------------------------------------------------------------------------------------

    def index(self) -> Index:
        """Return the layout's index as it is now."""
        path = self.root / "index.json"
        return read_document(path.read_bytes(), Index, str(path)).value

    def names(self) -> dict[str, Descriptor]:
        """Return what each name ("python:3.13-slim") stands for: an image manifest or an index."""
        named = {}
        for entry in self.index().manifests:
            name = entry.annotations.get(REF_NAME)
            if name:
                named[name] = entry
        return named

    def find(self, reference: Reference) -> Descriptor | None:
        """Return the entry with this name and digest, or nothing; a digest alone is looked up among all entries."""
        for entry in self.index().manifests:
            name = entry.annotations.get(REF_NAME, "")
            if reference.digest and reference.digest not in (entry.digest, entry.annotations.get(CHOSEN_FROM)):
                continue
            if name == str(msgspec.structs.replace(reference, digest=None)) or (reference.digest and not reference.tag):
                return entry
        return None

    def tag(self, names: Iterable[str], descriptor: Descriptor) -> None:
        """Let `names` stand for `descriptor`; what they stood for stays as an entry without a name."""
        wanted = list(names)

        def change(index: Index) -> Index:
            named = [_with_name(descriptor, name) for name in wanted]
            if named and all(entry in index.manifests for entry in named):
                return index
            kept = [
                _without_name(entry) if entry.annotations.get(REF_NAME) in wanted else entry
                for entry in index.manifests
            ]
            return msgspec.structs.replace(index, manifests=_unique([*kept, *(named or [_without_name(descriptor)])]))

        self.change_index(change)

    def untag(self, name: str) -> None:
        """Remove one name; the image stays until `prune`, as an entry without a name if it had no other."""

        def change(index: Index) -> Index:
            kept = [
                _without_name(entry) if entry.annotations.get(REF_NAME) == name else entry for entry in index.manifests
            ]
            return msgspec.structs.replace(index, manifests=_unique(kept))

        self.change_index(change)

    def change_index(self, change: Callable[[Index], Index]) -> None:
        """Replace index.json by `change` of it, with no other process in between; written only where that differs."""
        with _locked(self.root / "index.lock", fcntl.LOCK_EX):
            index = self.index()
            changed = change(index)
            if changed != index:
                write_file(self.root / "index.json", msgspec.json.encode(changed), tmp=self.tmp)

    # Images --------------------------------------------------------------------------------------------------------

    def image(self, descriptor: Descriptor, platform: Platform | None = None) -> Image:
        """Return the image that `descriptor` stands for; of an index, the one for `platform` (this machine's if None).

        Raises InputError where the index has no such platform.
        """
        name = f"blob {descriptor.digest}"
        if descriptor.media_type in INDEX_TYPES:
            index = read_document(self.read_blob(descriptor), Index, name).value
            return self.image(choose_platform(index, platform or PLATFORMS[host_arch()], name), platform)
        manifest = read_document(self.read_blob(descriptor), Manifest, name)
        config = read_document(
            self.read_blob(manifest.value.config), ImageConfig, f"blob {manifest.value.config.digest}"
        )
        return Image(_without_name(descriptor), manifest, config)

    def write_document(self, document: Document[D], media_type: str) -> Descriptor:
        """Store a document's bytes as they are."""
        return self.write_blob(document.raw, media_type)

    def write_image(self, config: Document[ImageConfig], manifest: Document[Manifest]) -> Image:
        """Store config and manifest of an image whose layers are stored already."""
        self.write_document(config, CONFIG)
        written = self.write_document(manifest, manifest.value.media_type or MANIFEST)
        return Image(msgspec.structs.replace(written, platform=config.value.platform), manifest, config)


def choose_platform(index: Index, platform: Platform, name: str) -> Descriptor:
    """Return the entry of `index` that is best for `platform`, the first of several: for arm/v7 also one for arm/v6.

    Source: image-spec image-index.md; variants are compared in normal form (arm64 is arm64/v8).
    """
    for wanted in fitting_platforms(platform):
        for entry in index.manifests:
            is_wanted = entry.platform and parse_platform(str(entry.platform)) == wanted
            if entry.platform and is_wanted and has_version_for(entry.platform, platform):
                return entry
    platforms = dict.fromkeys(str(entry.platform) for entry in index.manifests if entry.platform)
    offered = [platform for platform in platforms if platform != "unknown/unknown"]
    mend = f"it has: {', '.join(offered) or 'none'}; take one by --platform"
    raise InputError(f"{name} has no image for {platform}", hint=mend)


@contextmanager
def open_layout(root: Path) -> Iterator[Layout]:
    """Open the store at `root`, made if it is not there, shared with other processes until the block ends.

    What killed processes left in their temporary folders is removed.
    """
    layout = Layout(root.absolute())
    try:
        for folder in (layout.blobs, layout.locks):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (
            layout.snapshots,
            layout.cache,
            layout.downloads,
            layout.logs,
            layout.volumes,
            layout.tmp.parent,
        ):
            _make_private(folder)
        with _locked(layout.root / "lock", fcntl.LOCK_SH) as layout.lock, _temporary_folder(layout):
            _create(layout)
            yield layout
    except OSError as error:
        raise disk_error(error, root, is_store=True) from error


def _make_private(folder: Path) -> None:
    """Have a folder into which nobody but its owner looks.

    Programs with set-user-ID bits and devices, which images bring, lie there as whose they are: a user of this machine
    who could reach them would have the rights of the store's owner. Others' files and logs may be secret, too.
    """
    folder.mkdir(_PRIVATE_MODE, exist_ok=True)
    if folder.stat().st_mode & _OF_OTHERS:
        folder.chmod(_PRIVATE_MODE)


@contextmanager
def alone(layout: Layout) -> Iterator[None]:
    """Keep other processes out of the store during the block; raises InputError where one is working there."""
    try:
        fcntl.flock(layout.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(layout.lock, fcntl.LOCK_SH)  # the failed call has let go of it: flock(2)
        mend = "wait until it is done"
        raise InputError(f"another process is using the store {layout.root}", hint=mend) from None
    try:
        yield
    finally:
        fcntl.flock(layout.lock, fcntl.LOCK_SH)


def _create(layout: Layout) -> None:
    """Write the two files that make a folder a layout; raises StoreError for another kind of layout."""
    marker = layout.root / "oci-layout"
    if not marker.exists():
        write_file(marker, LAYOUT_MARKER, tmp=layout.tmp)
    elif b'"1.0.0"' not in marker.read_bytes():
        raise StoreError(f"{marker} is not of version 1.0.0", hint="choose another store: --store DIR")
    if not (layout.root / "index.json").exists():
        with _locked(layout.root / "index.lock", fcntl.LOCK_EX):
            if not (layout.root / "index.json").exists():
                empty = Index(2, (), media_type=INDEX)
                write_file(layout.root / "index.json", msgspec.json.encode(empty), tmp=layout.tmp)


@contextmanager
def _temporary_folder(layout: Layout) -> Iterator[None]:
    """Hold a folder of our own below tmp/ during the block; its lock tells others that we are alive."""
    with ExitStack() as held:
        # No folder may be seen before its own lock is held, or another process would take it for a leftover.
        with _locked(layout.root / "tmp.lock", fcntl.LOCK_EX):
            layout.tmp.mkdir()
            spread_folders(layout.tmp)
            held.enter_context(_locked(layout.tmp / "lock", fcntl.LOCK_EX))
            # Removed while its lock is still held, or another process would begin to remove it as well.
            held.callback(remove_tree, layout.tmp)
            # They may hold files of ids that were lent to us, which only root, also that of a namespace, can remove.
            found = layout.tmp.parent.iterdir() if os.geteuid() == 0 else ()
            leftovers = []
            for folder in filter(_is_leftover, found):
                with suppress(FileNotFoundError):  # its owner, who is ending, was faster
                    leftovers.append(folder.rename(layout.tmp / f"leftover-{folder.name}"))
        for folder in leftovers:
            remove_tree(folder)
        yield


def _is_leftover(folder: Path) -> bool:
    """Tell whether the process of a temporary folder is gone: nobody holds its lock."""
    try:
        with (folder / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (FileNotFoundError, NotADirectoryError):
        pass
    return True


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[int]:
    """Hold a lock on the file, made if it is not there."""
    with path.open("ab") as file:
        fcntl.flock(file, kind)
        yield file.fileno()


def _with_name(descriptor: Descriptor, name: str) -> Descriptor:
    return msgspec.structs.replace(descriptor, annotations={**descriptor.annotations, REF_NAME: name})


def _without_name(descriptor: Descriptor) -> Descriptor:
    kept = {key: value for key, value in descriptor.annotations.items() if key != REF_NAME}
    return msgspec.structs.replace(descriptor, annotations=kept)


def _unique(entries: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    """Drop entries that appear twice, and those without a name of an image that has one."""
    entries = list(entries)
    named = {entry.digest for entry in entries if REF_NAME in entry.annotations}
    kept: dict[tuple[Digest, str], Descriptor] = {}
    for entry in entries:
        name = entry.annotations.get(REF_NAME, "")
        if name or entry.digest not in named:
            kept[parse_digest(entry.digest), name] = entry
    return tuple(kept.values())
