"""The images that the cases build on, put into a store: busybox from its recorded layout, Debian brewed here."""

import fcntl
import subprocess
import sys
from pathlib import Path

from brewhouse.errors import InputError
from brewhouse.model import Image
from brewhouse.oci.document import Descriptor, Index, Manifest, read_document
from brewhouse.system.store.catalog import find_image
from brewhouse.system.store.layout import Layout, open_layout

BUSYBOX = "base.test/busybox:1"
DEBIAN = "base.test/debian:12"
_BREWED = "debian:bookworm"
_BREW_SECONDS = 900


def command(store: Path, *words: str) -> list[str]:
    """Return the words that run the project's program on a store."""
    return [sys.executable, "-m", "brewhouse", "--store", str(store), *words]


def prepare(store: Path, busybox: Path, *, debian: bool) -> None:
    """Put the bases into a store, once, however many processes ask at the same time."""
    store.mkdir(parents=True, exist_ok=True)
    with (store.parent / f"{store.name}.bases.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open_layout(store) as layout:
            if not _has(layout, BUSYBOX):
                layout.tag([BUSYBOX], _import_layout(busybox, layout))
            missing = debian and not _has(layout, DEBIAN)
        if missing:
            subprocess.run(command(store, "brew", _BREWED), check=True, timeout=_BREW_SECONDS)
            with open_layout(store) as layout:
                layout.tag([DEBIAN], _image(layout, _BREWED).descriptor)


def _has(layout: Layout, name: str) -> bool:
    try:
        _image(layout, name)
    except InputError:
        return False
    return True


def _image(layout: Layout, name: str) -> Image:
    return find_image(layout, name)


def _import_layout(source: Path, layout: Layout) -> Descriptor:
    """Store all blobs of an OCI layout that holds one image."""
    index = read_document((source / "index.json").read_bytes(), Index, str(source)).value
    (found,) = index.manifests
    content = _blob(source, found).read_bytes()
    manifest = read_document(content, Manifest, str(source)).value
    for descriptor in (found, manifest.config, *manifest.layers):
        with _blob(source, descriptor).open("rb") as file:
            layout.ingest(file, descriptor)
    return found


def _blob(source: Path, descriptor: Descriptor) -> Path:
    return source / "blobs" / descriptor.digest.replace(":", "/")
