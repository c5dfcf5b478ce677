"""Entries of Windows layers: the tree `Files` is drive C:, and PAX records say what a tar header has no place for.

Source: image-spec layer.md, "Platform-specific attributes"; backuptar/tar.go of microsoft/go-winio, which reads them.
"""

from base64 import b64encode
from collections.abc import Iterator

from brewhouse.system.archive.tar import SECOND_NS, Entry, Kind
from brewhouse.system.archive.whiteout import PREFIX
from brewhouse.system.windows.security import FILE_SDDL, FOLDER_SDDL, security_descriptor

FILES, HIVES, UTILITY_VM = "Files", "Hives", "UtilityVM"
FILE_ATTRIBUTE, DESCRIPTOR, CREATED, JUNCTION = (
    "MSWINDOWS.fileattr",
    "MSWINDOWS.rawsd",
    "LIBARCHIVE.creationtime",
    "MSWINDOWS.mountpoint",
)

# Source: FILE_ATTRIBUTE_* of winnt.h.
DIRECTORY, ARCHIVE, REPARSE_POINT = 0x10, 0x20, 0x400

_FOLDER_DESCRIPTOR = b64encode(security_descriptor(FOLDER_SDDL))
_FILE_DESCRIPTOR = b64encode(security_descriptor(FILE_SDDL))

# Folders that every Windows has: a descriptor in our layer would replace their own.
_OF_WINDOWS = frozenset(
    {"files", "files/program files", "files/program files (x86)", "files/programdata", "files/users", "files/windows"}
)


def root_entries(mtime_ns: int) -> Iterator[Entry]:
    """Yield the two folders without which the import of a layer fails; they have no descriptor of their own."""
    for name in (HIVES, FILES):
        yield Entry(name, "directory", 0o755, mtime_ns=mtime_ns, records=_records(name, "directory", mtime_ns))


def windows_entry(
    name: str,
    kind: Kind,
    *,
    mtime_ns: int,
    size: int = 0,
    linkname: str = "",
    to_folder: bool = False,
) -> Entry:
    r"""Return the entry of `name` below drive C: ("Python/python.exe"), owned and readable as new files there are.

    The target of a symlink is written as it is to stand in Windows; `to_folder` tells which kind of symlink it is. That
    of a hard link is a name below drive C: too.
    """
    whole = f"{FILES}/{name}"
    records = _records(whole, kind, mtime_ns, to_folder=to_folder)
    target = f"{FILES}/{linkname}" if kind == "link" else linkname
    mode = 0o755 if kind == "directory" else 0o644
    return Entry(whole, kind, mode, size=size, mtime_ns=mtime_ns, linkname=target, records=records)


def whiteout_entry(name: str) -> Entry:
    """Return the entry that removes `name`, of a layer below, from drive C:."""
    folder, slash, base = name.rpartition("/")
    return Entry(f"{FILES}/{folder}{slash}{PREFIX}{base}", mode=0)


def _records(name: str, kind: Kind, mtime_ns: int, *, to_folder: bool = False) -> dict[str, bytes]:
    """Return the PAX records; without those for times Windows would show the year 1754."""
    seconds = b"%d" % (mtime_ns // SECOND_NS)
    records = {CREATED: seconds, "atime": seconds, "ctime": seconds}
    if kind == "link":
        return records
    attributes = DIRECTORY if kind == "directory" or to_folder else ARCHIVE
    records[FILE_ATTRIBUTE] = b"%d" % (attributes | (REPARSE_POINT if kind == "symlink" else 0))
    if kind != "symlink" and name.lower() not in _OF_WINDOWS and name != HIVES:
        records[DESCRIPTOR] = _FOLDER_DESCRIPTOR if kind == "directory" else _FILE_DESCRIPTOR
    return records
