from pathlib import Path

from brewhouse.build.files.links import FirstNames


def test_all_names_of_a_file_are_its_first_and_those_of_others_are_their_own(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    (tmp_path / "a2").hardlink_to(tmp_path / "a")
    (tmp_path / "a3").hardlink_to(tmp_path / "a")
    names = FirstNames()
    found = [names.first(name, (tmp_path / name).stat()) for name in ("a", "a2", "b", "a3")]
    assert found == ["a", "a", "b", "a"]


def test_a_file_of_which_all_names_came_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    names, status = FirstNames(), (tmp_path / "a").stat()
    assert [names.first(name, status) for name in ("a", "b", "c")] == ["a", "a", "c"]
