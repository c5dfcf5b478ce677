"""Control files are read as dpkg reads them."""

import pytest
from debian import deb822

from brewhouse.build.debian.control import Conffile, read_conffiles, read_interests, read_paragraph
from brewhouse.errors import IntegrityError

BASH = """\
Package: bash
Version: 5.2.37-2+b5
Architecture: amd64
Maintainer: Matthias Klose <doko@debian.org>
Depends: base-files (>= 2.1.12), debianutils (>= 5.6-0.1)
Description: GNU Bourne Again SHell
 Bash is an sh-compatible command language interpreter.
 .
 Bash is ultimately intended to be conformant.
Homepage:  http://tiswww.case.edu/php/chet/bash/bashtop.html
"""


def test_a_paragraph_has_the_fields_that_python_debian_finds() -> None:
    assert read_paragraph(BASH, "bash") == dict(deb822.Deb822(BASH))


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", "no Package and no Version and no Architecture"),
        ("Package: bash\nArchitecture: amd64\n", "no Version"),
        ("Package: bash\nVersion:\nArchitecture: amd64\n", "no Version"),
        (" Package: bash\n", "no Version and no Architecture"),
    ],
)
def test_a_paragraph_without_name_version_or_architecture_is_refused(text: str, missing: str) -> None:
    with pytest.raises(IntegrityError, match=missing):
        read_paragraph(text, "x.deb")


def test_conffiles_may_be_flagged_for_removal() -> None:
    assert read_conffiles(["/etc/bash.bashrc", "remove-on-upgrade /etc/old.conf"]) == [
        Conffile("/etc/bash.bashrc"),
        Conffile("/etc/old.conf", remove_on_upgrade=True),
    ]


@pytest.mark.parametrize(
    ("line", "interests"),
    [
        ("interest-noawait ldconfig", [("ldconfig", "/noawait")]),
        ("interest /usr/share/info", [("/usr/share/info", "")]),
        ("interest-await /usr/share/man  # pages", [("/usr/share/man", "")]),
        ("activate-noawait ldconfig", []),
        ("# interest ldconfig", []),
        ("", []),
    ],
)
def test_only_what_a_package_waits_for_is_an_interest(line: str, interests: list[tuple[str, str]]) -> None:
    assert read_interests([line]) == interests
