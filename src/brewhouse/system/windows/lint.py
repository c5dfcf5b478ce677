"""What Windows would refuse in a layer, or silently take for something else, found before it gets there: pure.

Source: pkg/ociwclayer/import.go and internal/wclayer/legacy.go of microsoft/hcsshim, whose front end was run with
each of these faults; some of them it passes on to a system call that fails later, or drops what is meant.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Iterator

from brewhouse.system.archive.tar import Entry
from brewhouse.system.archive.whiteout import META_PREFIX, OPAQUE, PREFIX
from brewhouse.system.windows.entries import DESCRIPTOR, DIRECTORY, FILE_ATTRIBUTE, FILES, HIVES, JUNCTION, UTILITY_VM
from brewhouse.system.windows.paths import fold, name_fault

_ROOTS = (FILES, HIVES, UTILITY_VM)
_DELTA = "_Delta"
_SMALLEST_DESCRIPTOR = 20
# Source: layer/windows_baselayer.go of buildpacks/imgutil.
_HIVES_OF_BASE = tuple(
    f"Files/Windows/System32/config/{name}" for name in ("DEFAULT", "SAM", "SECURITY", "SOFTWARE", "SYSTEM")
)


def lint_layer(entries: Iterable[Entry], *, is_base: bool = False) -> Iterator[str]:
    """Yield what is wrong, one line each: "Files/a:b: has ':' in a name"; a layer without faults yields nothing.

    `is_base` asks for what a layer needs that stands on no other.
    """
    lint = _Lint()
    for entry in entries:
        for fault in lint.entry(entry):
            yield f"{entry.name or '/'}: {fault}"
    yield from lint.end(is_base=is_base)


class _Lint:
    """One layer while it is read."""

    def __init__(self) -> None:
        self._seen: dict[str, Entry] = {}
        self._removed: dict[str, str] = {}
        self._last_file = ""

    def entry(self, entry: Entry) -> Iterator[str]:
        """Yield the faults of the next entry."""
        root, *parts = entry.name.split("/")
        if root not in _ROOTS:
            yield self._not_in_root(entry)
            return
        if parts and parts[-1].startswith(PREFIX):
            yield from self._whiteout(entry, parts)
            return
        stream_of = self._stream_of(entry)
        if not stream_of:
            yield from (fault for fault in map(name_fault, parts) if fault)
        yield from self._place(entry)
        yield from _kind_faults(entry, self._seen)
        yield from _record_faults(entry)
        if root == HIVES and parts and not (entry.kind == "file" and entry.name.endswith(_DELTA)):
            yield f"is no registry change: below {HIVES} stand files named *{_DELTA}"
        self._seen.setdefault(fold(entry.name), entry)
        if entry.kind == "file" and not stream_of:
            self._last_file = entry.name

    def end(self, *, is_base: bool) -> Iterator[str]:
        """Yield what only the whole layer shows."""
        for name in (FILES, HIVES):
            if fold(name) not in self._seen:
                yield f"{name}: is missing: without this folder the import fails"
        for folded, name in self._removed.items():
            if folded in self._seen:
                yield f"{name}: is removed and made in one layer: Windows removes it last"
        for name in _HIVES_OF_BASE if is_base else ():
            if fold(name) not in self._seen:
                yield f"{name}: is missing: a layer that stands on no other needs it"

    def _stream_of(self, entry: Entry) -> str:
        """Return the file that this entry is an alternate data stream of: it must come right behind it."""
        name, colon, stream = entry.name.rpartition(":")
        return name if colon and stream and name == self._last_file else ""

    def _place(self, entry: Entry) -> Iterator[str]:
        parent = entry.name.rpartition("/")[0]
        if parent:
            above = self._seen.get(fold(parent))
            if above is None:
                yield f"comes without its folder {parent}"
            elif above.kind != "directory":
                yield f"stands below {above.name}, which is no folder"
        twin = self._seen.get(fold(entry.name))
        if twin:
            yield "is there twice" if twin.name == entry.name else f"is the same name as {twin.name} to Windows"

    def _whiteout(self, entry: Entry, parts: list[str]) -> Iterator[str]:
        name = parts[-1]
        if name == OPAQUE:
            yield "hides a whole folder, which Windows does not know: remove its files one by one"
        elif name.startswith(META_PREFIX) or name == PREFIX:
            yield "is no whiteout that Windows knows"
        elif not entry.name.startswith(f"{FILES}/"):
            yield f"is a whiteout outside {FILES}"
        removed = "/".join([FILES, *parts[:-1], name.removeprefix(PREFIX)])
        self._removed[fold(removed)] = removed
        parent = entry.name.rpartition("/")[0]
        if fold(parent) not in self._seen:
            yield f"comes without its folder {parent}"

    def _not_in_root(self, entry: Entry) -> str:
        base = entry.name.rpartition("/")[2]
        if base.startswith(PREFIX):
            return f"is a whiteout outside {FILES}"
        return f"stands neither in {FILES} nor in {HIVES}: is this a layer for Linux?"


def _kind_faults(entry: Entry, seen: dict[str, Entry]) -> Iterator[str]:
    if entry.kind in ("char", "block", "fifo"):
        yield f"is a {entry.kind} device, which Windows does not have"
    if entry.kind == "link" and fold(entry.linkname) not in seen:
        yield f"links to {entry.linkname}, which is not in the layer before it"
    if entry.kind != "symlink" and JUNCTION in entry.records:
        yield f"has {JUNCTION}, and is no symlink"


def _record_faults(entry: Entry) -> Iterator[str]:
    written = entry.records.get(FILE_ATTRIBUTE)
    if written is not None:
        if not written.isdigit():
            yield f"has {FILE_ATTRIBUTE} {written.decode(errors='replace')}, which is no decimal number"
        elif entry.kind in ("file", "directory") and bool(int(written) & DIRECTORY) != (entry.kind == "directory"):
            yield f"is a {entry.kind}, and {FILE_ATTRIBUTE} says otherwise"
    if DESCRIPTOR in entry.records and not _is_descriptor(entry.records[DESCRIPTOR]):
        yield f"has a {DESCRIPTOR} that is no self-relative security descriptor"


def _is_descriptor(text: bytes) -> bool:
    try:
        raw = b64decode(text, validate=True)
    except binascii.Error:
        return False
    return len(raw) >= _SMALLEST_DESCRIPTOR and raw[0] == 1 and bool(raw[3] & 0x80)
