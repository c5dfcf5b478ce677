import io
import tarfile
from pathlib import Path

import pytest

from brewhouse.errors import IntegrityError
from brewhouse.model import StoredLayer
from brewhouse.oci.digest import digest_of
from brewhouse.oci.document import History, ImageConfig
from brewhouse.system.archive.packer import store_layer
from brewhouse.system.archive.stream import Stream
from brewhouse.system.archive.tar import END, Entry, header, padding
from brewhouse.system.store.layout import Layout, open_layout
from brewhouse.system.windows.drive import Drives, Spelling, count_windows_layers, linux_form
from brewhouse.system.windows.entries import root_entries, whiteout_entry, windows_entry


def tar(*members: tuple[Entry, bytes]) -> bytes:
    pieces = [header(entry) for entry in root_entries(0)]
    for entry, content in members:
        pieces += [header(entry), content, padding(len(content))]
    return b"".join([*pieces, END])


def folder(name: str) -> tuple[Entry, bytes]:
    return windows_entry(name, "directory", mtime_ns=0), b""


def file(name: str, content: bytes = b"x") -> tuple[Entry, bytes]:
    return windows_entry(name, "file", mtime_ns=0, size=len(content)), content


def names_of(layer: bytes, below: Path) -> dict[str, str]:
    converted = b"".join(linux_form(Stream(iter([layer]), "layer"), Spelling([below])))
    with tarfile.open(fileobj=io.BytesIO(converted)) as found:
        return {member.name: member.linkname for member in found}


def test_names_are_written_as_the_folders_below_spell_them(tmp_path: Path) -> None:
    (tmp_path / "users" / "Public").mkdir(parents=True)
    layer = tar(folder("Users"), folder("Users/PUBLIC"), file("Users/PUBLIC/New.txt"), file("USERS/public/NEW.TXT"))
    assert list(names_of(layer, tmp_path)) == ["users", "users/Public", "users/Public/New.txt"]


def test_what_has_no_meaning_on_linux_is_left_out(tmp_path: Path) -> None:
    hive, stream = Entry("Hives/System_Delta"), Entry("Files/a.txt:Zone.Identifier")
    assert list(names_of(tar((hive, b""), file("a.txt"), (stream, b"")), tmp_path)) == ["a.txt"]


def test_a_removal_names_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "Python").mkdir()
    (tmp_path / "Python" / "NEWS.txt").touch()
    assert list(names_of(tar((whiteout_entry("python/news.TXT"), b"")), tmp_path)) == ["Python/.wh.NEWS.txt"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [("..\\Lib", "../Lib"), ("C:\\Python\\Lib", "../Lib"), ("\\\\?\\C:\\Python\\Lib", "../Lib"), ("x", "x")],
)
def test_links_stay_on_the_drive(tmp_path: Path, target: str, expected: str) -> None:
    link = windows_entry("Python/DLLs/link", "symlink", mtime_ns=0, linkname=target)
    assert (
        names_of(tar(folder("Python"), folder("Python/Lib"), folder("Python/DLLs"), (link, b"")), tmp_path)[
            "Python/DLLs/link"
        ]
        == expected
    )


def test_the_layers_of_windows_itself_are_known_by_their_history() -> None:
    steps = ("Apply image 10.0.20348.1", "Install update 10.0.20348.5622", "ENV X=1", "Install update of ours")
    assert (
        count_windows_layers(ImageConfig("amd64", "windows", history=tuple(History("", text) for text in steps))) == 2
    )


def _stored(layout: Layout, content: bytes) -> StoredLayer:
    return store_layer([content], layout)


def test_layers_become_folders_one_on_the_other_and_those_of_windows_are_left_out(tmp_path: Path) -> None:
    with open_layout(tmp_path / "store") as layout:
        template = tmp_path / "template"
        (template / "windows").mkdir(parents=True)
        base = _stored(layout, tar(folder("Windows"), file("Windows/kernel32.dll")))
        first = _stored(layout, tar(folder("Python"), file("Python/python.exe", b"MZ")))
        second = _stored(layout, tar(folder("PYTHON"), file("PYTHON/Python.EXE", b"MZ2")))
        drives = Drives(layout, template, {base.diff_id})
        stack = drives.stack([base, first, second])
        assert stack[0] == template
        assert [(path / "Python" / "python.exe").read_bytes() for path in stack[1:]] == [b"MZ", b"MZ2"]
        assert not any((path / "Windows").exists() for path in stack)
        assert drives.stack([base, first, second]) == stack


def test_a_layer_with_another_diff_id_than_it_should_have_is_refused(tmp_path: Path) -> None:
    with open_layout(tmp_path / "store") as layout:
        layer = StoredLayer(digest_of(b"other"), _stored(layout, tar(file("a.txt"))).descriptor)
        with pytest.raises(IntegrityError, match="another diff_id"):
            Drives(layout, None).stack([layer])
        assert not any((layout.cache / "drives").iterdir())
