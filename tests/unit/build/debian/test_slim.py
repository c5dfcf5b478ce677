"""The slim variant goes without documentation, by the filters that dpkg then keeps to."""

from pathlib import Path

import pytest

from brewhouse.build.debian.slim import dpkg_filters, is_left_out, remove_hollow


@pytest.mark.parametrize(
    ("path", "left_out"),
    [
        ("/usr/share/doc/bash/README.gz", True),
        ("/usr/share/doc/bash/copyright", False),
        ("/usr/share/doc/a/b/copyright", False),
        ("/usr/share/man/man1/bash.1.gz", True),
        ("/usr/share/man/de/man1/ls.1.gz", True),
        ("/usr/share/info/dir", True),
        ("/usr/share/locale/de/LC_MESSAGES/dpkg.mo", True),
        ("/usr/share/locale/locale.alias", False),
        ("/usr/share/locale/currency/EUR", False),
        ("/usr/share/lintian/overrides/bash", True),
        ("/usr/share/lintian/profiles/dpkg/main.profile", False),
        ("/usr/share/omf/app/app-de.emf", True),
        ("/usr/share/omf/app/app-C.emf", False),
        ("/usr/share/gnome/help/app/de/x", True),
        ("/usr/share/gnome/help/app/C/x", False),
        ("/usr/share/groff/tmac/an.tmac", False),
        ("/usr/share/documents", False),
        ("/usr/bin/man", False),
    ],
)
def test_what_is_documentation_is_left_out_and_licences_stay(path: str, left_out: bool) -> None:  # noqa: FBT001 - a table
    assert is_left_out(path) == left_out


def test_links_to_nowhere_and_empty_folders_go_but_those_of_manual_pages_stay(tmp_path: Path) -> None:
    for name in ("doc/empty/below", "doc/kept", "man/man1", "man/de/man1", "info", "other/empty"):
        (tmp_path / "usr/share" / name).mkdir(parents=True)
    doc = tmp_path / "usr/share/doc"
    (doc / "kept/copyright").write_text("MIT")
    (doc / "gone").symlink_to("empty/below")
    (doc / "twice").symlink_to("gone")
    (doc / "alias").symlink_to("/usr/share/doc/kept")
    (doc / "host").symlink_to("/bin/sh")
    remove_hollow(tmp_path)
    left = {str(path.relative_to(tmp_path / "usr/share")) for path in (tmp_path / "usr/share").rglob("*")}
    assert left == {
        "doc", "doc/kept", "doc/kept/copyright", "doc/alias", "man", "man/man1", "info", "other", "other/empty",
    }  # fmt: skip


def test_the_filters_of_dpkg_exclude_before_they_include() -> None:
    lines = [line.split()[0] for line in dpkg_filters().splitlines() if line and not line.startswith("#")]
    assert lines == ["path-exclude"] * 9 + ["path-include"] * 9
