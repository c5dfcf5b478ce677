"""A case carried out by the real command line, and what came of it in the form of the records."""

import base64
import hashlib
import io
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from brewhouse.errors import InputError
from brewhouse.model import Image
from brewhouse.oci.document import INDEX_TYPES, Index, read_document
from brewhouse.oci.platform import Platform
from brewhouse.oci.reference import parse_reference
from brewhouse.system.archive.decompress import decompressed
from brewhouse.system.store.catalog import find_image
from brewhouse.system.store.layout import Layout, open_layout
from tests.conformance.bases import BUSYBOX, DEBIAN, command
from tests.conformance.case import Case, Entry, RecordedPlatform

_BUILD_SECONDS = 300
_STEP = re.compile(r"#(\d+) \[[^]]*\] (?i:run)\b")
_OUTPUT = re.compile(r"#(\d+) \d+\.\d{3} (.*)")
_TYPES = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}
_XATTR = "SCHILY.xattr."


class Outcome(msgspec.Struct, frozen=True):
    """What the program did: its exit status, what it said, and the image above its base, or the index's platforms."""

    status: int
    talk: str
    config: dict[str, object] = {}
    history: list[dict[str, object]] = []
    layers: list[list[Entry]] = []
    platforms: tuple[RecordedPlatform, ...] = ()
    debian_epoch: int | None = None

    @property
    def run_output(self) -> list[str]:
        """Return the lines that RUN steps printed, from the plain progress."""
        lines = self.talk.splitlines()
        runs = {found[1] for line in lines if (found := _STEP.match(line))}
        return [found[2] for line in lines if (found := _OUTPUT.fullmatch(line)) and found[1] in runs]


def carry_out(case: Case, store: Path, scratch: Path) -> Outcome:
    """Build a case with the command line and read what it left in the store."""
    folder = scratch / "context"
    unpack_context(case, folder)
    tag = "case.test/" + case.name.lower()
    options = ["--no-cache", "--progress", "plain", "-t", tag, "-f", str(case.folder / case.dockerfile), *case.options]
    words = command(store, "build", *options, str(folder))
    done = subprocess.run(
        words,
        capture_output=True,
        check=False,
        timeout=_BUILD_SECONDS,
        stdin=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not _leads_away(name)},
    )
    talk = done.stderr.decode(errors="replace")
    if done.returncode:
        return Outcome(done.returncode, talk)
    with open_layout(store) as layout:
        found = layout.find(parse_reference(tag))
        if found is None:
            raise InputError(f"`build` has left no image: {' '.join(words)}")
        if found.media_type in INDEX_TYPES:
            index = read_document(layout.read_blob(found), Index, tag).value
            return Outcome(0, talk, platforms=tuple(_platform(entry.platform) for entry in index.manifests))
        return _read_image(layout, tag, talk)


def unpack_context(case: Case, folder: Path) -> None:
    """Make a case's context, with its owners and attributes."""
    folder.mkdir()
    unpack = ["tar", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", str(case.context), "-C", str(folder)]
    subprocess.run(unpack, check=True)


def _platform(platform: Platform | None) -> RecordedPlatform:
    if platform is None:
        return RecordedPlatform("", "")
    return RecordedPlatform(platform.os, platform.architecture, platform.variant)


def _leads_away(name: str) -> bool:
    """Tell whether a variable lets the host's settings into a build: an epoch, or certificates that RUN would see."""
    return name == "SOURCE_DATE_EPOCH" or "CERT" in name or "CA_BUNDLE" in name or "CAINFO" in name


def _read_image(layout: Layout, tag: str, talk: str) -> Outcome:
    image = _find(layout, tag)
    raw = msgspec.json.decode(image.config.raw, type=dict[str, object])
    config = {key: value for key, value in raw.items() if key not in ("created", "rootfs", "history")}
    history, digests = [msgspec.to_builtins(entry) for entry in image.config.value.history], image.manifest.value.layers
    base = _base(layout, image)
    if base:
        history, digests = history[len(base.config.value.history) :], digests[len(base.manifest.value.layers) :]
    layers = [list(_entries(layout.blob_path(layer.digest))) for layer in digests]
    return Outcome(0, talk, config, history, layers, debian_epoch=_debian_epoch(layout))


def _debian_epoch(layout: Layout) -> int | None:
    """Return when the Debian base was made, which is the time of its newest files."""
    if not layout.find(parse_reference(DEBIAN)):
        return None
    return int(datetime.fromisoformat(_find(layout, DEBIAN).config.value.created).timestamp())


def _base(layout: Layout, image: Image) -> Image | None:
    """Return the base whose layers the image begins with."""
    for name in (BUSYBOX, DEBIAN):
        if layout.find(parse_reference(name)):
            base = _find(layout, name)
            count = len(base.config.value.rootfs.diff_ids)
            if image.config.value.rootfs.diff_ids[:count] == base.config.value.rootfs.diff_ids:
                return base
    return None


def _find(layout: Layout, name: str) -> Image:
    return find_image(layout, name)


def _entries(blob: Path) -> Iterator[Entry]:
    """Yield a layer's entries as another program than ours reads them."""
    with blob.open("rb") as file:
        content = io.BytesIO(b"".join(decompressed(file, blob.name)))
    with tarfile.open(fileobj=content) as archive:
        for member in archive:
            opened = archive.extractfile(member) if member.isreg() else None
            sha256 = hashlib.sha256(opened.read()).hexdigest() if opened else None
            yield Entry(
                path=member.name,
                type=_TYPES[member.type],
                mode=f"{member.mode:04o}",
                uid=member.uid,
                gid=member.gid,
                size=member.size if opened else None,
                sha256=sha256,
                link=member.linkname or None,
                xattrs=_xattrs(member.pax_headers) or None,
                mtime=int(member.mtime),
            )


def _xattrs(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(_XATTR): base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()
        for key, value in headers.items()
        if key.startswith(_XATTR)
    }
