"""Locks are written so that people can read them, and read so that nothing strange gets in."""

import msgspec
import pytest

from brewhouse.build.debian.lock import Lock, lock_offers, read_lock, wanted_file, write_lock
from brewhouse.errors import InputError
from brewhouse.system.apt import Offer
from brewhouse.system.sources import Mirror

MIRROR = Mirror("http://mirror.example/debian", "http://mirror.example/debian-security")
NCURSES = f"{MIRROR.archive}/pool/main/n/ncurses/ncurses-base_6.5%2b2025-2_all.deb"
APT = f"{MIRROR.security}/pool/updates/main/a/apt/apt_3.0.4_amd64.deb"
OFFERS = [
    Offer(NCURSES, "ncurses-base", "6.5+2025-2", "all", 9, "a" * 64),
    Offer(APT, "apt", "1:3.0.4~x", "amd64", 8, "b" * 64),
]
LOCK = Lock("trixie", "amd64", 1_700_000_000, ("trixie", "trixie-security"), lock_offers(OFFERS, MIRROR))


def test_packages_are_locked_by_name_with_places_relative_to_the_mirror() -> None:
    assert [(package.name, package.archive, package.path) for package in LOCK.packages] == [
        ("apt", "security", "pool/updates/main/a/apt/apt_3.0.4_amd64.deb"),
        ("ncurses-base", "archive", "pool/main/n/ncurses/ncurses-base_6.5+2025-2_all.deb"),
    ]
    assert read_lock(write_lock(LOCK), "x") == LOCK
    assert b"mirror.example" not in write_lock(LOCK)


@pytest.mark.parametrize(
    ("mirror", "place"),
    [
        (MIRROR, "http://mirror.example/debian/pool/main/n/ncurses/ncurses-base_6.5%2B2025-2_all.deb"),
        (Mirror("file:/srv/debian", ""), "file:/srv/debian/pool/main/n/ncurses/ncurses-base_6.5+2025-2_all.deb"),
    ],
)
def test_a_locked_package_is_found_on_any_mirror(mirror: Mirror, place: str) -> None:
    wanted = wanted_file(LOCK.packages[1], mirror)
    assert (wanted.places, wanted.sha256, wanted.size) == ((place,), "a" * 64, 9)


def changed(**fields: object) -> bytes:
    """Return the lock with one package, some of its fields changed."""
    package = {**msgspec.to_builtins(LOCK.packages[0]), **fields}
    return msgspec.json.encode({**msgspec.to_builtins(LOCK), "packages": [package]})


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (changed(sha256="A" * 64), r"\$\.packages\[0\]\.sha256"),
        (changed(size=0), r"\$\.packages\[0\]\.size"),
        (changed(name="../apt"), r"\$\.packages\[0\]\.name"),
        (changed(version="1 || true"), r"\$\.packages\[0\]\.version"),
        (changed(path="/etc/passwd"), r"\$\.packages\[0\]\.path"),
        (changed(path="pool/../../x"), r"\$\.packages\[0\]\.path"),
        (changed(path="pool/a?b"), r"\$\.packages\[0\]\.path"),
        (changed(archive="other"), r"\$\.packages\[0\]\.archive"),
        (changed(mirror="http://mirror.example"), "unknown field `mirror`"),
        (msgspec.json.encode({**msgspec.to_builtins(LOCK), "packages": []}), "no packages"),
        (msgspec.json.encode(msgspec.structs.replace(LOCK, packages=LOCK.packages * 2)), "one of them twice"),
    ],
)
def test_what_is_no_lock_is_refused_with_the_place_of_the_fault(raw: bytes, why: str) -> None:
    with pytest.raises(InputError, match=rf"lock\.json is not a lock: .*{why}"):
        read_lock(raw, "lock.json")


def test_a_lock_has_a_line_for_each_fact() -> None:
    lines = write_lock(LOCK).decode().splitlines()
    first = lines.index('      "name": "apt",')
    assert lines[first + 1 : first + 3] == ['      "version": "1:3.0.4~x",', '      "architecture": "amd64",']
    assert lines[-1] == "}"
