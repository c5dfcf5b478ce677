import json
from pathlib import Path

import pytest
from tests.support.server import serving

from brewhouse.build.windows.package import (
    Package,
    choose_package,
    fetch_package,
    recall_package,
    remember_package,
)
from brewhouse.errors import FetchError, InputError, IntegrityError
from brewhouse.oci.digest import digest_of, hex_part
from brewhouse.system.progress.log import Progress, Quiet, Step

ARCHIVE = b"PK of 3.13.2"
SHA256 = hex_part(digest_of(ARCHIVE))


def entry(identity: str, version: str, url: str = "3.13.2/python-3.13.2-amd64.zip") -> dict[str, object]:
    return {"schema": 1, "id": identity, "sort-version": version, "url": url, "hash": {"sha256": SHA256}}


INDEX = {
    "versions": [
        entry("pythonembed-3.13-64", "3.13.5"),
        entry("pythoncore-3.13-arm64", "3.13.4"),
        entry("pythoncore-3.13-64", "3.13.2"),
    ],
    "next": "index-windows-recent.json",
}
RECENT = {"versions": [entry("pythoncore-3.12-64", "3.12.9", "3.12.9/python-3.12.9-amd64.zip")], "next": ""}


@pytest.fixture
def step(tmp_path: Path) -> Step:
    return Step(1, "choose", tmp_path / "log", Progress(Quiet()))


def files(index: object = INDEX) -> dict[str, bytes]:
    return {
        "/python/index-windows.json": json.dumps(index).encode(),
        "/python/index-windows-recent.json": json.dumps(RECENT).encode(),
        "/python/3.13.2/python-3.13.2-amd64.zip": ARCHIVE,
    }


def test_the_newest_version_that_the_index_has_for_amd64_is_taken_and_checked(tmp_path: Path, step: Step) -> None:
    with serving(files()) as server:
        package = choose_package(["3.13.5", "3.13.4", "3.13.2"], [f"{server.url}/python"], tmp_path, step)
        assert package == Package("3.13.2", f"{server.url}/python/3.13.2/python-3.13.2-amd64.zip", SHA256)
        assert fetch_package(package, [], tmp_path, step).read_bytes() == ARCHIVE


def test_older_versions_stand_in_the_next_file_of_the_index(tmp_path: Path, step: Step) -> None:
    with serving(files()) as server:
        package = choose_package(["3.12.10", "3.12.9"], [f"{server.url}/python"], tmp_path, step)
        assert package.url == f"{server.url}/python/3.12.9/python-3.12.9-amd64.zip"


def test_an_index_may_lie_in_a_folder_with_the_archive_beside_it(tmp_path: Path, step: Step) -> None:
    folder = tmp_path / "artifacts"
    folder.mkdir()
    (folder / "index-windows.json").write_bytes(json.dumps({"versions": INDEX["versions"]}).encode())
    (folder / "python-3.13.2-amd64.zip").write_bytes(ARCHIVE)
    package = choose_package(["3.13.2"], [str(folder)], tmp_path, step)
    assert fetch_package(package, [str(folder)], tmp_path, step).read_bytes() == ARCHIVE


def test_an_archive_with_another_sha256_is_refused(tmp_path: Path, step: Step) -> None:
    with serving(files()) as server:
        server.spoil(".zip", "flip")
        package = choose_package(["3.13.2"], [f"{server.url}/python"], tmp_path, step)
        with pytest.raises(IntegrityError, match=f"not {SHA256}"):
            fetch_package(package, [], tmp_path, step)


def test_an_index_that_is_none_is_refused_by_name(tmp_path: Path, step: Step) -> None:
    with serving(files({"versions": 7})) as server, pytest.raises(InputError, match="is not an index of Windows"):
        choose_package(["3.13.2"], [f"{server.url}/python"], tmp_path, step)


def test_what_no_index_has_is_said_with_all_places(tmp_path: Path, step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(files()) as server:
        monkeypatch.setattr("brewhouse.build.windows.package.INDEX_URL", f"{server.url}/nowhere/index-windows.json")
        with pytest.raises(FetchError, match=r"has none of 3\.14\.0 to 3\.14\.1; .*nowhere.*404"):
            choose_package(["3.14.1", "3.14.0"], [f"{server.url}/python"], tmp_path, step)


def test_a_choice_is_remembered_until_a_newer_version_is_known_or_the_archive_is_gone(tmp_path: Path) -> None:
    package = Package("3.13.2", "https://example.org/x.zip", SHA256)
    record = tmp_path / "releases" / "record"
    remember_package(record, ["3.13.3", "3.13.2"], package, tmp_path)
    assert recall_package(record, ["3.13.3", "3.13.2"], tmp_path) is None
    (tmp_path / "sha256").mkdir()
    (tmp_path / "sha256" / SHA256).write_bytes(ARCHIVE)
    assert recall_package(record, ["3.13.3", "3.13.2"], tmp_path) == package
    assert recall_package(record, ["3.13.4", "3.13.3", "3.13.2"], tmp_path) is None
