"""What apt says decides: an incomplete mirror may be worked around, a bad signature never."""

import pytest

from brewhouse.system.apt import incomplete_suites
from brewhouse.system.sources import Source

ARCHIVE, SECURITY = "http://mirror.example/debian", "http://mirror.example/debian-security"
SOURCES = [Source(ARCHIVE, "trixie"), Source(ARCHIVE, "trixie-updates"), Source(SECURITY, "trixie-security")]

# Lines of apt 2.6 and 3.0, with another mirror's name.
SYNC = f"""\
Err:4 {ARCHIVE} trixie-updates/main s390x Packages
  File has unexpected size (720 != 1108). Mirror sync in progress? [IP: 192.0.2.1 80]
E: Failed to fetch {ARCHIVE}/dists/trixie-updates/main/binary-s390x/Packages.xz  File has unexpected size (720 != 1108).
E: Failed to fetch {SECURITY}/dists/trixie-security/main/binary-s390x/by-hash/SHA256/0  404  Not Found
E: Some index files failed to download. They have been ignored, or old ones used instead.
"""
NO_RELEASE = f"E: The repository '{SECURITY} trixie-security Release' does not have a Release file.\n"
UNSIGNED = f"""\
E: Failed to fetch {SECURITY}/dists/trixie-security/main/binary-s390x/Packages.xz  Hash Sum mismatch
W: GPG error: {SECURITY} trixie-security InRelease: The following signatures were invalid: BADSIG 254CF3B5AEC0A8F0
"""
UNREACHABLE = f"""\
E: Failed to fetch {ARCHIVE}/dists/trixie-updates/InRelease  Temporary failure resolving 'mirror.example'
E: Failed to fetch {SECURITY}/dists/trixie-security/InRelease  404  Not Found
"""
FULL_DISK = NO_RELEASE + "E: Write error - write (28: No space left on device)\n"


@pytest.mark.parametrize(
    ("text", "suites"),
    [
        (SYNC, {"trixie-updates", "trixie-security"}),
        (NO_RELEASE, {"trixie-security"}),
        (UNSIGNED, set()),
        (UNREACHABLE, set()),
        (FULL_DISK, set()),
        ("", set()),
    ],
    ids=["in the middle of a sync", "no such suite", "bad signature", "no network", "full disk", "no error"],
)
def test_only_an_incomplete_mirror_explains_a_suite_away(text: str, suites: set[str]) -> None:
    assert incomplete_suites(text, SOURCES) == suites
