from pathlib import Path

import pytest
from tests.support.families import FAMILY, tiny_files

from brewhouse.errors import InputError
from brewhouse.family.load import load_families, shipped_families


def write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def test_the_families_that_ship_are_without_faults() -> None:
    families = load_families([shipped_families()])
    assert {"debian", "buildpack-deps", "python"} <= families.keys()


def test_a_later_folder_replaces_a_family_and_adds_others(tmp_path: Path) -> None:
    write(tmp_path / "one/tool", tiny_files())
    write(tmp_path / "one/other", tiny_files())
    write(tmp_path / "two/tool", tiny_files(FAMILY.replace('"1", "latest"', '"latest"')))
    families = load_families([tmp_path / "one", tmp_path / "two"])
    assert sorted(families) == ["other", "tool"]
    assert families["tool"].lines[1].aliases == ("latest",)


def test_a_folder_without_families_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no family"):
        load_families([tmp_path])
