import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.server import serving

from brewhouse.errors import FetchError, HostError, IntegrityError
from brewhouse.model import Release
from brewhouse.system.network import transfer
from brewhouse.system.network.http import download_path
from brewhouse.system.network.transfer import Place
from brewhouse.system.progress.log import Progress, Quiet, Step
from brewhouse.upstream.choose import Chosen, choose_source, recall_choice, remember_choice
from brewhouse.upstream.places import places

SOURCES = {version: f"the source of {version}".encode() for version in ("3.13.14", "3.13.5", "3.13.4")}
# Nothing listens on port 1 of the loopback.
UNREACHABLE = "http://127.0.0.1:1"


def release(version: str, upstream: str = UNREACHABLE) -> Release:
    return Release(
        version,
        f"{upstream}/ftp/python/{version}/Python-{version}.tar.xz",
        hashlib.sha256(SOURCES[version]).hexdigest(),
        f"pool/main/p/python3.13/python3.13_{version}.orig.tar.xz",
    )


RELEASES = tuple(release(version) for version in SOURCES)


def pool_path(version: str) -> str:
    return f"/debian/{release(version).pool}"


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_PAUSES_SECONDS", ())


@pytest.fixture
def step() -> Iterator[Step]:
    with Progress(Quiet()).step("choose") as step:
        yield step


def test_places_are_artifacts_then_upstream_then_the_pool_of_the_mirror() -> None:
    found = list(places(RELEASES[1], ["/srv/sources", "https://example.org/files/"], "http://mirror.example/debian"))
    assert found == [
        Path("/srv/sources/Python-3.13.5.tar.xz"),
        "https://example.org/files/Python-3.13.5.tar.xz",
        f"{UNREACHABLE}/ftp/python/3.13.5/Python-3.13.5.tar.xz",
        "http://mirror.example/debian/pool/main/p/python3.13/python3.13_3.13.5.orig.tar.xz",
    ]


def test_the_newest_release_is_taken_where_upstream_answers(tmp_path: Path, step: Step) -> None:
    path = "/ftp/python/3.13.14/Python-3.13.14.tar.xz"
    with serving({path: SOURCES["3.13.14"]}) as server:
        newest = release("3.13.14", server.url)
        chosen = choose_source([newest, *RELEASES[1:]], lambda of: places(of, [], ""), tmp_path, step)
    assert chosen == Chosen(newest, server.url + path)
    assert download_path(tmp_path, newest.sha256).read_bytes() == SOURCES["3.13.14"]


def test_an_older_release_is_taken_with_the_reason_why_not_the_newer(tmp_path: Path, step: Step) -> None:
    with serving({pool_path("3.13.5"): SOURCES["3.13.5"]}) as server:
        mirror = f"{server.url}/debian"
        chosen = choose_source(RELEASES, lambda of: places(of, [], mirror), tmp_path, step)
    assert chosen.release.version == "3.13.5"
    assert chosen.source == f"{mirror}/{chosen.release.pool}"
    ((version, reason),) = chosen.passed_over
    assert version == "3.13.14"
    assert "404" in reason
    assert str(chosen).startswith(f"3.13.5 from {mirror}")
    assert "; not 3.13.14: " in str(chosen)


@pytest.mark.parametrize(
    ("passed_over", "expected"),
    [
        ((), "3.13.4 from the pool"),
        ((("3.13.5", "404"),), "3.13.4 from the pool; not 3.13.5: 404"),
        (
            (("3.13.14", "404"), ("3.13.13", "500"), ("3.13.5", "404")),
            "3.13.4 from the pool; not 3.13.14: 404; nor 3.13.13, 3.13.5",
        ),
    ],
)
def test_a_choice_is_told_in_one_line(passed_over: tuple[tuple[str, str], ...], expected: str) -> None:
    assert str(Chosen(RELEASES[2], "the pool", passed_over)) == expected


def test_a_host_that_cannot_be_reached_is_asked_once(tmp_path: Path, step: Step) -> None:
    asked: list[Place] = []

    def note(of: Release) -> Iterator[Place]:
        for place in places(of, [], ""):
            asked.append(place)
            yield place

    with pytest.raises(HostError, match=r"the source of 3\.13\.14 cannot be had \(nor that of 2 older releases\)"):
        choose_source(RELEASES, note, tmp_path, step)
    assert len(asked) == len(RELEASES)


def test_a_folder_of_artifacts_stands_in_for_the_network(tmp_path: Path, step: Step) -> None:
    (tmp_path / "Python-3.13.4.tar.xz").write_bytes(SOURCES["3.13.4"])
    chosen = choose_source(RELEASES, lambda of: places(of, [str(tmp_path)], ""), tmp_path / "downloads", step)
    assert chosen.release.version == "3.13.4"
    assert chosen.source == str(tmp_path / "Python-3.13.4.tar.xz")


def test_a_source_that_is_not_the_one_in_the_lock_is_refused(tmp_path: Path, step: Step) -> None:
    (tmp_path / "Python-3.13.14.tar.xz").write_bytes(b"something else")
    with pytest.raises(IntegrityError, match=r"Python-3\.13\.14\.tar\.xz"):
        choose_source(RELEASES, lambda of: places(of, [str(tmp_path)], ""), tmp_path / "downloads", step)


def test_a_mirror_without_any_of_the_sources_is_told(tmp_path: Path, step: Step) -> None:
    with serving({}) as server, pytest.raises(FetchError, match="404") as caught:
        choose_source(RELEASES, lambda of: places(of, [], server.url), tmp_path, step)
    assert "--artifacts" in caught.value.hint


def test_a_source_that_is_in_the_store_is_not_asked_for(tmp_path: Path, step: Step) -> None:
    chosen_before(tmp_path)
    chosen = choose_source(RELEASES[1:], lambda of: places(of, [], ""), tmp_path, step)
    assert chosen == Chosen(RELEASES[1], "the downloads of the store")


def chosen_before(tmp_path: Path) -> Path:
    """Keep that 3.13.5 was chosen, with its source, and return the record."""
    (tmp_path / "sha256").mkdir()
    download_path(tmp_path, RELEASES[1].sha256).write_bytes(SOURCES["3.13.5"])
    remember_choice(tmp_path / "records/python.json", Chosen(RELEASES[1], "pool", (("3.13.14", "404"),)), tmp_path)
    return tmp_path / "records/python.json"


def test_what_was_chosen_is_chosen_again_without_asking(tmp_path: Path) -> None:
    found = recall_choice(chosen_before(tmp_path), RELEASES, tmp_path)
    assert found == Chosen(RELEASES[1], "pool", (("3.13.14", "404"),))


@pytest.mark.parametrize(
    ("releases", "why"),
    [
        ((release("3.13.4"), *RELEASES[1:]), "the lock has another newest release"),
        (RELEASES[:1], "the lock has lost the chosen one"),
        ((), "the lock is empty"),
    ],
)
def test_a_changed_lock_lets_the_choice_be_made_again(tmp_path: Path, releases: tuple[Release, ...], why: str) -> None:
    assert recall_choice(chosen_before(tmp_path), releases, tmp_path) is None, why


def test_a_source_that_was_removed_lets_the_choice_be_made_again(tmp_path: Path) -> None:
    record = chosen_before(tmp_path)
    download_path(tmp_path, RELEASES[1].sha256).unlink()
    assert recall_choice(record, RELEASES, tmp_path) is None


def test_nothing_is_recalled_where_nothing_was_kept(tmp_path: Path) -> None:
    assert recall_choice(tmp_path / "none.json", RELEASES, tmp_path) is None
