import pytest
from hypothesis import given
from hypothesis import strategies as st

from brewhouse.errors import InputError
from brewhouse.system.windows.paths import drive_path, fold, windows_path


@pytest.mark.parametrize(
    ("path", "cwd", "expected"),
    [
        ("C:\\usr\\src\\app", "/", "/usr/src/app"),
        ("c:/usr/src/app", "/", "/usr/src/app"),
        ("/usr/src/app", "/", "/usr/src/app"),
        ("\\usr\\src", "/", "/usr/src"),
        ("app", "/usr/src", "/usr/src/app"),
        (".\\app\\", "/usr/src", "/usr/src/app/"),
        ("..", "/usr/src", "/usr"),
        ("../../..", "/usr/src", "/"),
        ("C:\\", "/usr", "/"),
        ("C:", "/usr", "/"),
        (".", "/usr/src", "/usr/src/"),
    ],
)
def test_paths_of_both_systems_mean_a_place_on_drive_c(path: str, cwd: str, expected: str) -> None:
    assert drive_path(path, cwd) == expected


@pytest.mark.parametrize(
    ("path", "problem"), [("D:\\x", "is on drive D:"), ("C:app", "has no `\\\\` behind its drive")]
)
def test_a_path_that_no_container_has_is_refused(path: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        drive_path(path)


@given(st.lists(st.text("abcXYZ._-", min_size=1).filter(lambda part: part not in (".", "..")), max_size=5))
def test_a_path_survives_both_ways(parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    assert drive_path(windows_path(path)) == path


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("Lib", "LIB", True), ("ä", "Ä", True), ("ß", "SS", False), ("a", "b", False)],
)
def test_spellings_of_one_name_fold_to_the_same(one: str, other: str, same: bool) -> None:  # noqa: FBT001 - a table
    assert (fold(one) == fold(other)) is same
