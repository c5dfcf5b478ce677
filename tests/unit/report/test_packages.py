from pathlib import Path

from brewhouse.report.packages import find_packages

STATUS = """\
Package: libc6
Status: install ok installed
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Architecture: amd64
Source: glibc (2.41-12)
Version: 2.41-12+deb13u1
Description: GNU C Library
 Version: this line is none

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""
APK = "C:Q1x=\nP:busybox\nV:1.37.0-r18\nA:x86_64\nL:GPL-2.0-only\nm:Sören <s@alpine>\n\nP:odd\nV:1\nL:custom licence\n"


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_installed_packages_of_dpkg_are_found_with_their_source(tmp_path: Path) -> None:
    put(tmp_path, "etc/os-release", 'ID=debian\nVERSION_ID="13"\n')
    put(tmp_path, "var/lib/dpkg/status", STATUS)
    (found,) = find_packages(tmp_path)
    assert (found.name, found.version, found.architecture) == ("libc6", "2.41-12+deb13u1", "amd64")
    assert found.url == ("pkg:deb/debian/libc6@2.41-12%2Bdeb13u1?arch=amd64&distro=debian-13&upstream=glibc%402.41-12")


def test_licences_are_those_that_debians_copyright_files_name(tmp_path: Path) -> None:
    put(tmp_path, "var/lib/dpkg/status", STATUS)
    text = "Files: *\nLicense: LGPL-2.1+\n\nFiles: x\nLicense: GPL-2+\n of some kind\n\nLicense: LGPL-2.1+\n"
    for start, names in (("Format: https://...\n\n", ("GPL-2+", "LGPL-2.1+")), ("For people.\n", ())):
        put(tmp_path, "usr/share/doc/libc6/copyright", start + text)
        assert [package.licence_names for package in find_packages(tmp_path)] == [names]


def test_packages_without_a_common_database_are_found(tmp_path: Path) -> None:
    put(tmp_path, "var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2026a\nArchitecture: all\n")
    put(tmp_path, "var/lib/dpkg/status.d/tzdata.md5sums", "Package: no\nVersion: 1\n")
    assert [package.name for package in find_packages(tmp_path)] == ["tzdata"]


def test_packages_of_apk_are_found_with_licences_that_are_expressions(tmp_path: Path) -> None:
    put(tmp_path, "lib/apk/db/installed", APK)
    assert [(found.name, found.licence) for found in find_packages(tmp_path)] == [
        ("busybox", "GPL-2.0-only"),
        ("odd", ""),
    ]


def test_packages_of_python_and_a_python_that_was_compiled_are_found(tmp_path: Path) -> None:
    metadata = (
        "Metadata-Version: 2.4\nName: Foo_Bar\nVersion: 1.0\nLicense-Expression: MIT OR Apache-2.0\n\nVersion: 2\n"
    )
    put(tmp_path, "app/venv/lib/python3.13/site-packages/foo_bar-1.0.dist-info/METADATA", metadata)
    put(tmp_path, "usr/local/include/python3.13/patchlevel.h", '#define PY_VERSION             "3.13.5"\n')
    assert [(found.url, found.licence) for found in find_packages(tmp_path)] == [
        ("pkg:generic/python@3.13.5", ""),
        ("pkg:pypi/foo-bar@1.0", "MIT OR Apache-2.0"),
    ]


def test_a_database_that_leads_out_of_the_image_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, "outside/status", STATUS)
    root = tmp_path / "root"
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "var/lib/dpkg/status").symlink_to(tmp_path / "outside/status")
    assert find_packages(root) == []


def test_a_python_of_windows_is_known_by_what_lies_beside_its_headers(tmp_path: Path) -> None:
    header = '#define PY_VERSION              "3.13.5"\n'
    put(tmp_path, "Python/include/patchlevel.h", header)
    put(tmp_path, "other/include/patchlevel.h", header)
    put(tmp_path, "Python/python.exe", "")
    assert [package.url for package in find_packages(tmp_path)] == ["pkg:generic/python@3.13.5"]
