"""Packages are chosen from a signed mirror, here a small one of the tests' own, and nothing changed gets through."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.support.mirror import PACKAGES, RELEASE_EPOCH, SECURITY, Key, TinyMirror, forget_key, make_key, tiny_mirror
from tests.support.server import Fault

from brewhouse.build.debian.choose import DebianSettings, choose_mirror, choose_packages
from brewhouse.build.debian.lock import Lock, wanted_file
from brewhouse.errors import BrewError, FetchError, HostError, InputError, IntegrityError
from brewhouse.oci.platform import Arch
from brewhouse.system.network.http import fetch_all
from brewhouse.system.progress.log import Progress, Quiet
from brewhouse.system.store.layout import Layout, open_layout

INDEX = "dists/trixie/main/binary-amd64/Packages.xz"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Key]:
    made = make_key(tmp_path_factory.mktemp("gnupg") / "home")
    yield made
    forget_key(made)


@pytest.fixture
def mirror(key: Key) -> Iterator[TinyMirror]:
    with tiny_mirror(key) as running:
        yield running


def settings(mirror: TinyMirror, **changes: object) -> DebianSettings:
    wanted = DebianSettings("trixie", slim=True, arch=Arch.AMD64, mirror=mirror.uri, keyring=mirror.keyring)
    return msgspec.structs.replace(wanted, **changes)


def choose(wanted: DebianSettings, layout: Layout) -> Lock:
    return choose_packages(wanted, choose_mirror(wanted), layout, Progress(Quiet()))


def test_essential_and_required_packages_and_apt_are_locked_with_what_they_need(
    mirror: TinyMirror, layout: Layout
) -> None:
    lock = choose(settings(mirror), layout)
    assert [(package.name, package.version, package.archive) for package in lock.packages] == [
        ("apt", "1:3.0~rc1+b2", "archive"),
        ("base-files", "13", "archive"),
        ("libc6", "2.41-12+deb13u1", "security"),
        ("tzdata", "2025b-4", "archive"),
    ]
    assert lock.epoch == RELEASE_EPOCH
    assert lock.pockets == ("trixie", "trixie-updates", "trixie-security")


def test_the_locked_packages_are_fetched_and_the_lock_names_no_mirror(mirror: TinyMirror, layout: Layout) -> None:
    wanted = settings(mirror)
    lock = choose(wanted, layout)
    files = fetch_all([wanted_file(package, choose_mirror(wanted)) for package in lock.packages], layout.downloads)
    assert [file.read_bytes() for file in files] == [
        PACKAGES["apt"],
        PACKAGES["base-files"],
        SECURITY["libc6"],
        PACKAGES["tzdata"],
    ]
    stored = (layout.locks / "debian-trixie-amd64.json").read_text()
    assert mirror.server.url.removeprefix("http://") not in stored


def test_the_lock_in_the_store_is_used_again_until_an_update_is_asked_for(mirror: TinyMirror, layout: Layout) -> None:
    first = choose(settings(mirror), layout)
    asked = len(mirror.server.requests)
    assert choose(settings(mirror), layout) == first
    assert len(mirror.server.requests) == asked
    assert choose(settings(mirror, update=True), layout) == first
    assert len(mirror.server.requests) > asked


def test_an_exported_lock_makes_another_store_choose_the_same(
    mirror: TinyMirror, layout: Layout, tmp_path: Path
) -> None:
    lock = choose(settings(mirror), layout)
    exported = tmp_path / "exported.json"
    exported.write_bytes((layout.locks / "debian-trixie-amd64.json").read_bytes())
    with open_layout(tmp_path / "other") as other:
        asked = len(mirror.server.requests)
        assert choose(settings(mirror, lock=exported), other) == lock
        assert len(mirror.server.requests) == asked


@pytest.mark.parametrize(
    ("path", "fault", "kind"),
    [
        ("dists/trixie/InRelease", "flip", IntegrityError),
        ("dists/trixie-security/InRelease", "flip", IntegrityError),
        (INDEX, "flip", IntegrityError),
        (INDEX, "truncate", IntegrityError),
        (INDEX, "longer", IntegrityError),
        ("dists/trixie/InRelease", "missing", FetchError),
        ("dists/trixie-security/InRelease", "missing", FetchError),
    ],
)
def test_a_changed_index_is_refused_by_name(
    mirror: TinyMirror, layout: Layout, path: str, fault: Fault, kind: type[BrewError]
) -> None:
    mirror.server.spoil(path, fault)
    with pytest.raises(kind) as raised:
        choose(settings(mirror), layout)
    assert path.split("/")[1] in raised.value.message
    assert "\n" not in raised.value.message
    assert list(layout.locks.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "kind", "exit_status"),
    [("flip", IntegrityError, 2), ("longer", IntegrityError, 2), ("missing", FetchError, 1)],
)
def test_a_changed_package_is_refused_by_name(
    mirror: TinyMirror, layout: Layout, fault: Fault, kind: type[BrewError], exit_status: int
) -> None:
    wanted = settings(mirror)
    lock = choose(wanted, layout)
    name = next(package.path for package in lock.packages if package.name == "libc6")
    mirror.server.spoil(name, fault)
    with pytest.raises(kind) as raised:
        fetch_all([wanted_file(package, choose_mirror(wanted)) for package in lock.packages], layout.downloads)
    assert name in raised.value.message
    assert raised.value.exit_status == exit_status


def test_a_mirror_signed_by_another_key_is_refused(mirror: TinyMirror, layout: Layout, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other-key")
    try:
        strange = TinyMirror(mirror.uri, mirror.server, other.keyring)
        with pytest.raises(IntegrityError, match="trixie"):
            choose(settings(strange), layout)
    finally:
        forget_key(other)


def test_without_a_keyring_nothing_is_fetched(mirror: TinyMirror, layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"absent\.gpg is not there"):
        choose(settings(TinyMirror(mirror.uri, mirror.server, tmp_path / "absent.gpg")), layout)
    assert mirror.server.requests == []


def test_an_unreachable_mirror_is_one_clear_line(layout: Layout, mirror: TinyMirror) -> None:
    nowhere = TinyMirror("http://127.0.0.1:1/debian", mirror.server, mirror.keyring)
    with pytest.raises(HostError, match="cannot reach the mirror") as raised:
        choose(settings(nowhere), layout)
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        ({"suite": "../trixie"}, "is not a suite"),
        ({"suite": "TRIXIE"}, "is not a suite"),
        ({"arch": Arch.WINDOWS_AMD64}, "Debian is not built for windows-amd64"),
        ({"lock": Path("/absent/lock.json")}, "cannot read the lock /absent/lock.json"),
        ({"lock": Path("/absent/lock.json"), "update": True}, "cannot be updated"),
    ],
)
def test_what_cannot_be_wanted_is_refused_before_anything_is_fetched(
    mirror: TinyMirror, layout: Layout, wanted: dict[str, object], what: str
) -> None:
    with pytest.raises(InputError, match=what):
        choose(settings(mirror, **wanted), layout)
    assert mirror.server.requests == []


def test_the_lock_of_another_suite_is_refused(mirror: TinyMirror, layout: Layout) -> None:
    choose(settings(mirror), layout)
    stored = layout.locks / "debian-trixie-amd64.json"
    with pytest.raises(InputError, match="is the lock of trixie on amd64, not of bookworm on amd64"):
        choose(settings(mirror, suite="bookworm", lock=stored), layout)
