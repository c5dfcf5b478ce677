"""The mirror is the one that the machine's own apt names, however its sources are written."""

from pathlib import Path

import pytest

from brewhouse.errors import InputError
from brewhouse.system.sources import Mirror, Source, machine_mirror, named_mirror, read_deb822, read_one_line

DEB822 = """\
Types: deb
# a comment
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main

Types: deb deb-src
URIs: http://safe.example/debian-security
Suites: bookworm-security
Components: main
"""
ONE_LINE = """\
# deb http://old.example/debian buster main
deb-src http://source.example/debian trixie main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian trixie main contrib # the archive
deb http://safe.example/debian-security/ trixie-security main
"""
BOTH = Mirror("http://mirror.example/debian", "http://safe.example/debian-security")


def machine(tmp_path: Path, files: dict[str, str]) -> Path:
    """Lay out /etc/apt."""
    (tmp_path / "sources.list.d").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "mirror"),
    [
        ({"sources.list.d/debian.sources": DEB822}, BOTH),
        ({"sources.list": ONE_LINE}, BOTH),
        ({"sources.list.d/debian.list": ONE_LINE}, BOTH),
        (
            {"sources.list": "deb http://one.example/debian sid main\n", "sources.list.d/more.sources": DEB822},
            Mirror("http://one.example/debian", "http://safe.example/debian-security"),
        ),
        (
            {"sources.list": "deb http://one.example/debian stable main\n"},
            Mirror("http://one.example/debian", "http://one.example/debian-security"),
        ),
        (
            {"sources.list": "deb cdrom:[Debian]/ trixie main\ndeb file:/srv/debian trixie main\n"},
            Mirror("file:/srv/debian", "file:/srv/debian-security"),
        ),
        (
            {
                "sources.list": "deb http://one.example/debian bullseye/updates main\n",
                "sources.list.d/a.list": ONE_LINE,
            },
            Mirror("http://mirror.example/debian", "http://one.example/debian"),
        ),
    ],
    ids=["deb822", "one line", "parts", "both", "no security", "on disk", "old security"],
)
def test_the_mirror_is_found(tmp_path: Path, files: dict[str, str], mirror: Mirror) -> None:
    assert machine_mirror(machine(tmp_path, files)) == mirror


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"sources.list": "deb http://archive.example/ubuntu noble main\n"},
        {"sources.list": "deb https://packages.example/apt cloud-sdk-bookworm main\n"},
        {"sources.list": "deb-src http://mirror.example/debian trixie main\n"},
        {"sources.list.d/debian.sources": DEB822.replace("Types:", "Enabled: no\nTypes:")},
        {"sources.list.d/debian.sources.bak": DEB822},
    ],
    ids=["none", "another system", "another archive", "sources only", "switched off", "not a source file"],
)
def test_a_machine_without_a_debian_mirror_is_told_to_name_one(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(InputError, match="no mirror of Debian") as raised:
        machine_mirror(machine(tmp_path, files))
    assert "--mirror" in raised.value.hint


def test_a_named_mirror_has_the_security_archive_beside_it() -> None:
    assert named_mirror("http://mirror.example/debian/") == Mirror(
        "http://mirror.example/debian", "http://mirror.example/debian-security"
    )


@pytest.mark.parametrize("uri", ["mirror.example/debian", "ftp://mirror.example/debian", ""])
def test_what_apt_reads_no_packages_from_is_no_mirror(uri: str) -> None:
    with pytest.raises(InputError, match="is not a mirror"):
        named_mirror(uri)


def test_every_suite_of_every_uri_is_a_source() -> None:
    text = (
        "Types: deb\nURIs: http://a.example/d\n http://b.example/d\nSuites: trixie\n trixie-updates\nComponents: main\n"
    )
    assert list(read_deb822(text)) == [
        Source(f"http://{host}.example/d", suite) for host in "ab" for suite in ("trixie", "trixie-updates")
    ]


@pytest.mark.parametrize("line", ["", "deb", "deb http://mirror.example/debian", "# deb http://a.example/d sid main"])
def test_a_line_that_names_no_suite_is_no_source(line: str) -> None:
    assert list(read_one_line(line)) == []
