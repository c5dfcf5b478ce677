import io
import tarfile
from base64 import b64encode
from collections.abc import Iterator

import pytest

from brewhouse.system.archive.stream import Stream
from brewhouse.system.archive.tar import END, Entry, header
from brewhouse.system.archive.untar import read_entries
from brewhouse.system.windows.entries import root_entries, whiteout_entry, windows_entry
from brewhouse.system.windows.lint import lint_layer

ROOTS = tuple(root_entries(0))


def folder(name: str, **records: bytes) -> Entry:
    return Entry(name, "directory", 0o755, records=records)


def file(name: str, **records: bytes) -> Entry:
    return Entry(name, records=records)


def test_a_layer_of_our_own_entries_has_no_faults() -> None:
    entries = [
        *ROOTS,
        windows_entry("Python", "directory", mtime_ns=1),
        windows_entry("Python/python.exe", "file", mtime_ns=1, size=7),
        windows_entry("Python/python3.exe", "link", mtime_ns=1, linkname="Python/python.exe"),
        windows_entry("Python/Größe.txt", "file", mtime_ns=1),
        windows_entry("Python/latest", "symlink", mtime_ns=1, linkname="..\\Python", to_folder=True),
        whiteout_entry("Python/old.txt"),
    ]
    assert list(lint_layer(entries)) == []


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ([file("Files/a/b")], "Files/a/b: comes without its folder Files/a"),
        ([file("Files/a"), file("Files/a/b")], "Files/a/b: stands below Files/a, which is no folder"),
        ([file("Files/a"), file("Files/a")], "Files/a: is there twice"),
        ([file("Files/Read.me"), file("Files/README")], ""),
        ([file("Files/readme"), file("Files/README")], "Files/README: is the same name as Files/readme to Windows"),
        ([file("Files/ä"), file("Files/Ä")], "Files/Ä: is the same name as Files/ä to Windows"),
        ([file("Files/a:b")], "Files/a:b: has ':' in a name"),
        ([file("Files/a*")], "Files/a*: has '*' in a name"),
        ([file("Files/a\\b")], "Files/a\\b: has '\\\\' in a name"),
        ([file("Files/a.")], "Files/a.: has a name that ends in a dot or a blank, which Windows drops"),
        ([file("Files/nul.txt")], "Files/nul.txt: `nul.txt` is the name of a device"),
        ([file("Files/" + "x" * 256)], f"Files/{'x' * 256}: has a name of more than 255 characters"),
        ([file("Files/..")], "Files/..: `..` is no name"),
        ([folder("./Files")], "./Files: stands neither in Files nor in Hives: is this a layer for Linux?"),
        ([folder("etc")], "etc: stands neither in Files nor in Hives: is this a layer for Linux?"),
        ([file(".wh.etc")], ".wh.etc: is a whiteout outside Files"),
        ([file("Hives/.wh.x")], "Hives/.wh.x: is a whiteout outside Files"),
        (
            [folder("Files/a"), file("Files/a/.wh..wh..opq")],
            "Files/a/.wh..wh..opq: hides a whole folder, which Windows does not know: remove its files one by one",
        ),
        ([file("Files/a/.wh.b")], "Files/a/.wh.b: comes without its folder Files/a"),
        (
            [file("Files/.wh.A"), file("Files/a")],
            "Files/A: is removed and made in one layer: Windows removes it last",
        ),
        ([Entry("Files/tty", "char")], "Files/tty: is a char device, which Windows does not have"),
        (
            [Entry("Files/a", "link", linkname="Files/b")],
            "Files/a: links to Files/b, which is not in the layer before it",
        ),
        ([file("Hives/System")], "Hives/System: is no registry change: below Hives stand files named *_Delta"),
        (
            [folder("Files/a", **{"MSWINDOWS.fileattr": b"32"})],
            "Files/a: is a directory, and MSWINDOWS.fileattr says otherwise",
        ),
        (
            [file("Files/a", **{"MSWINDOWS.fileattr": b"0x20"})],
            "Files/a: has MSWINDOWS.fileattr 0x20, which is no decimal number",
        ),
        (
            [file("Files/a", **{"MSWINDOWS.rawsd": b64encode(b"\1" + bytes(30))})],
            "Files/a: has a MSWINDOWS.rawsd that is no self-relative security descriptor",
        ),
        (
            [file("Files/a", **{"MSWINDOWS.mountpoint": b"1"})],
            "Files/a: has MSWINDOWS.mountpoint, and is no symlink",
        ),
    ],
)
def test_each_wrong_layer_is_named_with_its_fault(entries: list[Entry], fault: str) -> None:
    assert list(lint_layer([*ROOTS, *entries])) == ([fault] if fault else [])


@pytest.mark.parametrize("missing", ["Files", "Hives"])
def test_both_folders_of_a_layer_must_be_there(missing: str) -> None:
    kept = [root for root in ROOTS if root.name != missing]
    assert list(lint_layer(kept)) == [f"{missing}: is missing: without this folder the import fails"]


def test_a_stream_comes_right_behind_its_file() -> None:
    stream = file("Files/a.txt:Zone.Identifier")
    assert list(lint_layer([*ROOTS, file("Files/a.txt"), stream])) == []
    assert list(lint_layer([*ROOTS, file("Files/a.txt"), file("Files/b.txt"), stream])) == [
        "Files/a.txt:Zone.Identifier: has ':' in a name"
    ]


def test_a_layer_that_stands_on_no_other_needs_the_hives_of_the_registry() -> None:
    faults = list(lint_layer(ROOTS, is_base=True))
    assert len(faults) == 5
    assert faults[0].startswith("Files/Windows/System32/config/DEFAULT: is missing")


def test_what_buildkit_writes_for_a_copy_is_accepted() -> None:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("Hives", "Files", "Files/Windows", "Files/Windows/a.txt"):
            info = tarfile.TarInfo(name)
            is_folder = not name.endswith(".txt")
            info.type = tarfile.DIRTYPE if is_folder else tarfile.REGTYPE
            # The fraction of a second has lost its leading zeros, as BuildKit's does.
            info.pax_headers = {
                "MSWINDOWS.fileattr": "16" if is_folder else "32",
                "LIBARCHIVE.creationtime": "1700000000.12345",
            }
            tar.addfile(info)
    assert list(lint_layer(read_entries(Stream(iter([layer.getvalue()]), "layer")))) == []


def test_our_entries_come_back_from_a_tar_with_all_they_say() -> None:
    entries = [*ROOTS, windows_entry("Python", "directory", mtime_ns=5 * 10**9)]

    def pieces() -> Iterator[bytes]:
        yield from map(header, entries)
        yield END

    found = list(read_entries(Stream(pieces(), "layer")))
    assert [entry.name for entry in found] == ["Hives", "Files", "Files/Python"]
    assert found[2].records["MSWINDOWS.fileattr"] == b"16"
    assert found[2].records["LIBARCHIVE.creationtime"] == b"5"
    assert "MSWINDOWS.rawsd" in found[2].records
    assert "MSWINDOWS.rawsd" not in found[1].records, "it would replace the one of C:\\"
