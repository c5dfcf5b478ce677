from pathlib import Path

import pytest

from brewhouse.build.files.copy import Owner
from brewhouse.build.files.owner import find_owner
from brewhouse.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:7:7::/:\napp:x:10:20::/:\n")
    (tmp_path / "etc/group").write_text("root:x:7:\nstaff:x:30:\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("5", (5, 5)),
        ("5:6", (5, 6)),
        ("app", (10, 20)),
        ("app:staff", (10, 30)),
        ("5:staff", (5, 30)),
        (":staff", (0, 30)),
        (":6", (0, 6)),
        ("root", (0, 0)),
        ("app:root", (10, 0)),
        ("app:", (10, 0)),
        ("5:", (5, 0)),
        ("+5", (5, 5)),
        ("nobody", (0, 0)),
        ("app:nobody", (10, 20)),
    ],
)
def test_names_are_the_images_but_root_is_always_0(root: Path, text: str, owner: tuple[int, int]) -> None:
    told: list[str] = []
    assert find_owner(root, text, told.append) == Owner(*owner)
    assert bool(told) == ("nobody" in text)


def test_a_number_that_no_id_can_be_is_a_name_that_nobody_has(root: Path) -> None:
    told: list[str] = []
    assert find_owner(root, "99999999999", told.append) == Owner(0, 0)
    assert told


@pytest.mark.parametrize(("text", "owner"), [("root:root", (0, 0)), ("5:root", (5, 0)), ("6", (6, 6)), (":7", (0, 7))])
def test_without_an_image_numbers_and_root_are_known(text: str, owner: tuple[int, int]) -> None:
    assert find_owner(None, text, pytest.fail) == Owner(*owner)


@pytest.mark.parametrize("text", ["app", "5:staff"])
def test_without_an_image_no_name_is_known(text: str) -> None:
    with pytest.raises(InputError, match="invalid user index: -1"):
        find_owner(None, text, pytest.fail)
