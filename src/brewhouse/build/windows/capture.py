"""What a step changed on drive C: as the layer of Windows: names below `Files`, and every removal written out."""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from brewhouse.build.clamp import Clamp
from brewhouse.build.layer import Member, clamp_times, pack_members, walk_upper
from brewhouse.errors import BrewError
from brewhouse.model import Layer
from brewhouse.system.archive.tar import SECOND_NS, Entry
from brewhouse.system.archive.whiteout import OPAQUE, PREFIX
from brewhouse.system.store.layout import Layout
from brewhouse.system.windows.drive import Spelling
from brewhouse.system.windows.entries import root_entries, whiteout_entry, windows_entry
from brewhouse.system.windows.lint import lint_layer
from brewhouse.system.windows.paths import fold

# Folders of an empty Windows that Wine spells in its own way.
_SPELLING = {"users": "Users", "windows": "Windows"}
# What Wine keeps for itself, and what a layer of Windows has no use for either: temporary files.
_OF_WINE = frozenset({"windows"})
_TEMPORARY = ("APPDATA", "LOCAL", "TEMP")
_WINE_DRIVE = "/wine/drive_c"


def pack_drive(upper: Path, lowers: Sequence[Path], layout: Layout, clamp: Clamp | None) -> Layer:
    """Return the layer that holds the difference in `upper` to `lowers` (the lowest first), stored as a blob.

    Raises BrewError for a layer that Windows would refuse: names that only Linux tells apart, devices.
    """
    _refuse_changes_of_windows(upper)
    clamp_times(upper, clamp)
    members = list(drive_members(upper, lowers, clamp.epoch if clamp else 0))
    faults = list(lint_layer(member.entry for member in members))
    if faults:
        raise BrewError(f"Windows would refuse this layer: {faults[0]}", hint="change what the step writes")
    return pack_members(members, layout)


def _refuse_changes_of_windows(upper: Path) -> None:
    """Raise BrewError for what is written into Windows' own folder, which here is Wine's."""
    for name in _OF_WINE:
        for path in (upper / name).rglob("*"):
            if not path.is_dir() and fold(path.relative_to(upper).parts[1]) != "TEMP":
                place = "C:\\" + str(path.relative_to(upper)).replace("/", "\\")
                raise BrewError(f"the step changed {place}, which here is a part of Wine", hint="write elsewhere")


def drive_members(upper: Path, lowers: Sequence[Path], epoch: int) -> Iterator[Member]:
    """Yield the members of the layer, sorted, each folder before what is in it."""
    yield from map(Member, root_entries(epoch * SECOND_NS))
    hiding: set[str] = set()
    twins = _Twins(upper)
    for member in walk_upper(upper):
        name = member.entry.name
        folder, _, base = name.rpartition("/")
        if _is_left_out(name):
            continue
        if base == OPAQUE:
            hiding.add(folder)
            yield from _removals(folder, upper, lowers)
        elif base.startswith(PREFIX) and twins.has_new(folder, base.removeprefix(PREFIX)):
            continue
        elif base.startswith(PREFIX):
            yield Member(whiteout_entry(_spelt(f"{folder}/{base.removeprefix(PREFIX)}".lstrip("/"))))
        else:
            yield msgspec.structs.replace(member, entry=_converted(member.entry, upper, lowers))
            if member.entry.kind == "directory" and (folder in hiding or twins.removed(folder, base)):
                hiding.add(name)
                yield from _removals(name, upper, lowers)


def _converted(entry: Entry, upper: Path, lowers: Sequence[Path]) -> Entry:
    name = _spelt(entry.name)
    target, to_folder = _spelt(entry.linkname), False
    if entry.kind == "symlink":
        path = entry.linkname.removeprefix(_WINE_DRIVE)
        target = ("C:" if path.startswith("/") else "") + path.replace("/", "\\")
        place = path.lstrip("/") if path.startswith("/") else f"{entry.name.rpartition('/')[0]}/{path}"
        to_folder = any((root / place).is_dir() for root in (upper, *lowers))
    return windows_entry(
        name, entry.kind, mtime_ns=entry.mtime_ns, size=entry.size, linkname=target, to_folder=to_folder
    )


def _removals(folder: str, upper: Path, lowers: Sequence[Path]) -> Iterator[Member]:
    """Yield a whiteout for each name that a folder had and has no more, for one that hides all below it."""
    kept = {fold(item.name) for item in (upper / folder).iterdir()}
    for name in sorted({item.name for item in _below(folder, lowers)}):
        if fold(name) not in kept:
            yield Member(whiteout_entry(_spelt(f"{folder}/{name}")))


def _below(folder: str, lowers: Sequence[Path]) -> Iterator[Path]:
    """Yield what a folder holds that no layer above has removed."""
    gone: set[str] = set()
    for lower in reversed(lowers):
        path = lower / Spelling([lower]).find(folder)
        for item in path.iterdir() if path.is_dir() else ():
            if _is_whiteout(item):
                gone.add(item.name)
            elif item.name not in gone:
                yield item


class _Twins:
    """Names that were removed and made again with another spelling: Linux has two of them, and Windows one."""

    def __init__(self, upper: Path) -> None:
        self._upper = upper
        self._known: dict[str, tuple[set[str], set[str]]] = {}

    def has_new(self, folder: str, removed: str) -> bool:
        """Tell whether what was removed is there again."""
        return fold(removed) in self._names(folder)[1]

    def removed(self, folder: str, new: str) -> bool:
        """Tell whether something of this name was removed."""
        return fold(new) in self._names(folder)[0]

    def _names(self, folder: str) -> tuple[set[str], set[str]]:
        """Return what is removed from a folder, and what is new in it."""
        if folder not in self._known:
            removed, new = set[str](), set[str]()
            for item in (self._upper / folder).iterdir():
                (removed if _is_whiteout(item) else new).add(fold(item.name))
            self._known[folder] = removed, new
        return self._known[folder]


def _is_whiteout(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _spelt(name: str) -> str:
    first, slash, rest = name.partition("/")
    return _SPELLING.get(first, first) + slash + rest


def _is_left_out(name: str) -> bool:
    parts = name.split("/")
    if parts[0] in _OF_WINE:
        return True
    folded = tuple(map(fold, parts))
    return folded[0] == "USERS" and folded[2:5] == _TEMPORARY
