"""Tar headers: what is written is read back by others, and what others write is read here."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brewhouse.errors import InputError
from brewhouse.system.archive.stream import Stream
from brewhouse.system.archive.tar import END, SECOND_NS, Entry, Kind, header, padding, read_number
from brewhouse.system.archive.untar import read_entries


def archive(*entries: tuple[Entry, bytes]) -> bytes:
    return b"".join(header(entry) + content + padding(len(content)) for entry, content in entries) + END


def read_all(raw: bytes, chunk: int = 1000) -> list[tuple[Entry, bytes]]:
    stream = Stream((raw[at : at + chunk] for at in range(0, len(raw), chunk)), "test.tar")
    return [(entry, stream.read(entry.stored_bytes)) for entry in read_entries(stream)]


ENTRIES = [
    (Entry("etc", "directory", 0o755, mtime_ns=1_700_000_000 * SECOND_NS), b""),
    (Entry("etc/passwd", "file", 0o644, 0, 0, 5, 5 * SECOND_NS), b"root\n"),
    (Entry("bin/su", "file", 0o4755, size=1), b"x"),
    (Entry("lib", "symlink", 0o777, linkname="usr/lib"), b""),
    (Entry("etc/passwd-", "link", 0o644, linkname="etc/passwd"), b""),
    (Entry("dev/null", "char", 0o666, device=(1, 3)), b""),
    (Entry("dev/sda", "block", 0o660, device=(8, 0)), b""),
    (Entry("run/initctl", "fifo", 0o600), b""),
    (Entry("d" * 90 + "/" + "f" * 90), b""),
    (Entry("n" * 150), b""),
    (Entry("p" * 300 + "/" + "q" * 200), b""),
    (Entry("köln/straße"), b""),
    (Entry("not-utf8-\udcff"), b""),
    (Entry("far", "symlink", 0o777, linkname="t" * 200), b""),
    (Entry("owned", uid=3_000_000, gid=4_000_000_000), b""),
    (Entry("old", mtime_ns=-5 * SECOND_NS), b""),
    (Entry("ping", xattrs={"security.capability": b"\1\0\0\2\0\x20\n\0=", "user.empty": b""}), b""),
]


@pytest.mark.parametrize(("entry", "content"), ENTRIES, ids=lambda value: getattr(value, "name", "")[:20])
def test_an_entry_is_read_back_as_it_was_written(entry: Entry, content: bytes) -> None:
    assert read_all(archive((entry, content)), chunk=100) == [(entry, content)]


@pytest.mark.parametrize(("entry", "content"), ENTRIES, ids=lambda value: getattr(value, "name", "")[:20])
def test_tarfile_reads_the_same(entry: Entry, content: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive((entry, content))), mode="r:") as opened:
        (found,) = opened.getmembers()
    assert (found.name, found.mode, found.uid, found.gid, found.size, found.linkname) == (
        entry.name, entry.mode, entry.uid, entry.gid, len(content), entry.linkname,
    )  # fmt: skip
    assert found.mtime == entry.mtime_ns // SECOND_NS


def test_gnu_tar_lists_the_archive_without_complaint(tmp_path: Path) -> None:
    (tmp_path / "all.tar").write_bytes(archive(*ENTRIES))
    listed = subprocess.run(
        ["tar", "-tf", str(tmp_path / "all.tar")], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert listed.stderr == b""
    assert len(listed.stdout.splitlines()) == len(ENTRIES)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", ["a", "b" * 99, "c" * 100, "d" * 60 + "/" + "e" * 60])
def test_the_forms_of_other_writers_are_read(form: int, name: str) -> None:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=form) as opened:
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = 3, 12345, 0o640
        opened.addfile(member, io.BytesIO(b"abc"))
    assert read_all(written.getvalue()) == [(Entry(name, mode=0o640, size=3, mtime_ns=12345 * SECOND_NS), b"abc")]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_links_and_large_numbers_are_read_in_each_form(form: int) -> None:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=form) as opened:
        member = tarfile.TarInfo("n" * 400)
        member.type, member.linkname, member.uid, member.mtime = tarfile.SYMTYPE, "t" * 300, 1 << 30, -7
        opened.addfile(member)
    ((entry, _),) = read_all(written.getvalue())
    assert (entry.name, entry.linkname, entry.uid) == ("n" * 400, "t" * 300, 1 << 30)
    assert entry.mtime_ns == -7 * SECOND_NS


def test_fractions_of_seconds_are_read() -> None:
    body = b"30 mtime=1700000000.123456789\n"
    extended = header(Entry("x", size=len(body))).replace(b"\x000ustar", b"\x00xustar")
    block = bytearray(extended)
    block[156:157] = b"x"
    block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * 32)
    raw = bytes(block) + body + padding(len(body)) + header(Entry("f")) + END
    assert read_all(raw)[0][0].mtime_ns == 1_700_000_000_123_456_789


@pytest.mark.parametrize("form", ["gnu", *(f"pax --sparse-version={version}" for version in ("0.0", "0.1", "1.0"))])
@pytest.mark.parametrize("pieces", [1, 3, 40])
def test_sparse_files_are_read_in_each_form_of_gnu_tar(form: str, pieces: int, tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        for piece in range(pieces):
            file.seek(piece * (1 << 20))
            file.write(b"data %03d" % piece)
        file.truncate(pieces << 20)
    subprocess.run(
        ["tar", "-C", str(tmp_path), *f"--format={form}".split(), "-Scf", str(tmp_path / "s.tar"), "sparse"],
        check=True,
        env={},
    )
    ((entry, stored),) = read_all((tmp_path / "s.tar").read_bytes())
    assert entry.extents is not None
    rebuilt, at = bytearray(entry.size), 0
    for offset, length in entry.extents:
        rebuilt[offset : offset + length] = stored[at : at + length]
        at += length
    assert (entry.name, bytes(rebuilt)) == ("sparse", (tmp_path / "sparse").read_bytes())


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"PK\3\4" + bytes(600), "not a tar archive"),
        (archive(ENTRIES[1])[:700], "ends in the middle"),
        (archive(ENTRIES[1])[:100], "ends in the middle"),
        (header(ENTRIES[1][0]).replace(b"0000644", b"0000645"), "damaged at byte 0"),
    ],
)
def test_what_is_no_whole_archive_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why):
        read_all(raw)


@pytest.mark.parametrize(
    "records",
    [b"5 a=b\n", b"9999 path=x\n", b"x path=x\n", b"10 path=x\0", b"12 path=a\0b\n", b"11 size=-1\n", b"11 mtime=x\n"],
)
def test_a_pax_header_that_is_not_valid_is_refused(records: bytes) -> None:
    block = bytearray(header(Entry("x", size=len(records))))
    block[156:157] = b"x"
    block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * 32)
    with pytest.raises(InputError, match="PAX header"):
        read_all(bytes(block) + records + padding(len(records)) + header(Entry("f")) + END)


@pytest.mark.parametrize(
    ("field", "number"),
    [(b"0000644\0", 0o644), (b"   644 \0", 0o644), (b"\0" * 8, 0), (b"\x80" + bytes(6) + b"\7", 7), (b"\xff" * 12, -1)],
)
def test_numbers_are_octal_or_of_base_256(field: bytes, number: int) -> None:
    assert read_number(field) == number


kinds = st.sampled_from(["file", "directory", "symlink", "link", "fifo"])
parts = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=80)


@given(
    st.lists(parts.filter(lambda part: part not in (".", "..")), min_size=1, max_size=6), kinds, parts,
    st.integers(0, 1 << 32), st.integers(-(1 << 40), 1 << 40), st.dictionaries(parts.map("user.".__add__), st.binary()),
)  # fmt: skip
def test_whatever_is_written_is_read_back(
    names: list[str], kind: Kind, linkname: str, number: int, seconds: int, xattrs: dict[str, bytes]
) -> None:
    content = linkname.encode() if kind == "file" else b""
    entry = Entry(
        "/".join(names),
        kind,
        0o751,
        number,
        number // 2,
        len(content),
        seconds * SECOND_NS,
        linkname if kind in ("symlink", "link") else "",
        xattrs={key: value for key, value in xattrs.items() if "=" not in key},
    )
    assert read_all(archive((entry, content)), chunk=333) == [(entry, content)]
