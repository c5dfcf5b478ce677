"""Downloads are checked, resumed, tried again where that helps, and refused with every place and reason."""

import hashlib
import socket
from pathlib import Path

import pytest
from tests.support.server import Fault, serving

from brewhouse.errors import BrewError, FetchError, HostError, IntegrityError
from brewhouse.oci.digest import digest_of
from brewhouse.system.network.http import download, fetch, fetch_all
from brewhouse.system.network.transfer import Wanted

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SIZE = len(CONTENT)
NAME = "/pool/hello_2.10-5_amd64.deb"
LAST_MODIFIED = 1_700_000_000


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brewhouse.system.network.transfer._PAUSES_SECONDS", (0.0, 0.0, 0.0))


def unused_url() -> str:
    """Return a URL on this machine at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}{NAME}"


def partial(downloads: Path, content: bytes) -> None:
    """Leave what a killed download leaves."""
    (downloads / "partial").mkdir(parents=True)
    (downloads / "partial" / SHA256).write_bytes(content)


def test_a_file_is_kept_under_its_sha256_and_not_asked_for_again(tmp_path: Path) -> None:
    with serving({NAME: CONTENT}) as server:
        first = fetch([server.url + NAME], SHA256, SIZE, tmp_path)
        second = fetch([server.url + NAME], SHA256, SIZE, tmp_path)
    assert first == second == tmp_path / "sha256" / SHA256
    assert first.read_bytes() == CONTENT
    assert server.asked(NAME) == [""]
    assert list((tmp_path / "partial").iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "ranges"),
    [
        ("slow", [""]),
        ("busy", ["", ""]),
        ("cut", ["", f"bytes={SIZE // 2}-"]),
    ],
)
def test_a_fault_that_passes_is_overcome(tmp_path: Path, fault: Fault, ranges: list[str]) -> None:
    with serving({NAME: CONTENT}) as server:
        server.spoil(NAME, fault)
        assert fetch([server.url + NAME], SHA256, SIZE, tmp_path).read_bytes() == CONTENT
    assert server.asked(NAME) == ranges


def test_a_cut_download_starts_again_where_the_server_knows_no_ranges(tmp_path: Path) -> None:
    with serving({NAME: CONTENT}) as server:
        partial(tmp_path, CONTENT[:1000])
        server.spoil(NAME, "no ranges")
        assert fetch([server.url + NAME], SHA256, SIZE, tmp_path).read_bytes() == CONTENT
    assert server.asked(NAME) == ["bytes=1000-"]


@pytest.mark.parametrize(
    ("left", "ranges"),
    [
        (CONTENT[:1000], ["bytes=1000-"]),
        (b"something else", ["bytes=14-", ""]),
        (CONTENT + b"more", [f"bytes={SIZE + 4}-", ""]),
        (CONTENT, []),
    ],
    ids=["its beginning", "other bytes", "too many bytes", "all of it"],
)
def test_what_a_killed_download_left_is_gone_on_with(tmp_path: Path, left: bytes, ranges: list[str]) -> None:
    partial(tmp_path, left)
    with serving({NAME: CONTENT}) as server:
        assert fetch([server.url + NAME], SHA256, SIZE, tmp_path).read_bytes() == CONTENT
    assert server.asked(NAME) == ranges


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ("flip", IntegrityError, "has sha256 "),
        ("longer", IntegrityError, f"longer than {SIZE} bytes"),
        ("truncate", FetchError, f"has nothing behind the first {SIZE // 2} bytes"),
        ("missing", FetchError, "404 Not Found"),
    ],
)
def test_other_bytes_than_the_expected_are_refused(
    tmp_path: Path, fault: Fault, kind: type[BrewError], reason: str
) -> None:
    with serving({NAME: CONTENT}) as server:
        server.spoil(NAME, fault)
        with pytest.raises(kind) as raised:
            fetch([server.url + NAME], SHA256, SIZE, tmp_path)
    assert f"{server.url}{NAME}: " in raised.value.message
    assert reason in raised.value.message
    assert not (tmp_path / "sha256").exists()


def test_the_next_place_is_tried_and_an_error_names_them_all(tmp_path: Path) -> None:
    nowhere, absent = unused_url(), tmp_path / "absent.deb"
    with serving({NAME: CONTENT}) as server:
        assert fetch([nowhere, absent, server.url + NAME], SHA256, SIZE, tmp_path / "a").read_bytes() == CONTENT
        server.spoil(NAME, "missing")
        with pytest.raises(FetchError) as raised:
            fetch([nowhere, absent, server.url + NAME], SHA256, SIZE, tmp_path / "b")
    for place, reason in ((nowhere, "refused"), (absent, "No such file"), (server.url + NAME, "404")):
        assert f"{place}: " in raised.value.message
        assert reason in raised.value.message


def test_without_a_network_the_error_is_one_line_with_a_mend(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="cannot reach the network") as raised:
        fetch([unused_url()], SHA256, SIZE, tmp_path)
    assert "\n" not in raised.value.message
    assert "check the connection" in raised.value.hint


def test_a_download_of_which_nothing_came_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(HostError):
        download(unused_url(), None, tmp_path)
    assert list((tmp_path / "partial").iterdir()) == []


@pytest.mark.parametrize("prefix", ["", "file://", "file:"])
def test_a_file_on_disk_is_a_place_too(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "hello.deb").write_bytes(CONTENT)
    found = fetch([f"{prefix}{tmp_path}/hello.deb"], SHA256, None, tmp_path / "downloads")
    assert found.read_bytes() == CONTENT


def test_a_kept_file_that_was_changed_is_fetched_again(tmp_path: Path) -> None:
    with serving({NAME: CONTENT}) as server:
        kept = fetch([server.url + NAME], SHA256, SIZE, tmp_path)
        kept.write_bytes(CONTENT[:-1] + b"x")
        assert fetch([server.url + NAME], SHA256, SIZE, tmp_path).read_bytes() == CONTENT


def test_no_error_shows_the_password_of_a_url(tmp_path: Path) -> None:
    with serving({}) as server, pytest.raises(FetchError) as raised:
        fetch([server.url.replace("://", "://sam:secret@") + NAME], SHA256, SIZE, tmp_path)
    assert f"{server.url}{NAME}: 404" in raised.value.message
    assert "secret" not in raised.value.message


def test_several_files_come_in_the_order_asked_for_and_are_counted(tmp_path: Path) -> None:
    files = {f"/{number}": bytes([number]) * 1000 * number for number in range(1, 20)}
    heard: list[tuple[int, int]] = []
    with serving(files) as server:
        wanted = [
            Wanted((server.url + path,), hashlib.sha256(content).hexdigest(), len(content))
            for path, content in files.items()
        ]
        found = fetch_all(wanted, tmp_path, lambda done, total: heard.append((done, total)))
    assert [path.read_bytes() for path in found] == list(files.values())
    total = sum(map(len, files.values()))
    assert heard[-1] == (total, total)


def test_one_bad_file_of_several_ends_all(tmp_path: Path) -> None:
    with serving({"/a": b"a", "/b": b"b"}) as server:
        server.spoil("/b", "flip")
        wanted = [
            Wanted((server.url + path,), hashlib.sha256(text).hexdigest(), 1) for path, text in server.files.items()
        ]
        with pytest.raises(IntegrityError, match="/b: has sha256"):
            fetch_all(wanted, tmp_path)


def test_a_file_of_unknown_content_is_fetched_each_time_with_the_time_of_its_last_change(tmp_path: Path) -> None:
    with serving({NAME: CONTENT}) as server:
        first = download(server.url + NAME, None, tmp_path)
        server.files[NAME] = b"changed"
        second = download(server.url + NAME, None, tmp_path)
    assert (first.sha256, first.path.read_bytes()) == (SHA256, CONTENT)
    assert second.path.read_bytes() == b"changed"
    assert first.path.stat().st_mtime == LAST_MODIFIED


def test_a_download_with_a_checksum_is_held_to_it(tmp_path: Path) -> None:
    with serving({NAME: CONTENT}) as server:
        assert download(server.url + NAME, digest_of(CONTENT), tmp_path).path.read_bytes() == CONTENT
        with pytest.raises(IntegrityError, match="has sha256"):
            download(server.url + NAME, digest_of(b"other"), tmp_path)
