import pytest

from brewhouse.build.files.mode import parent_mode, parse_mode
from brewhouse.errors import InputError


@pytest.mark.parametrize(
    ("text", "old", "is_folder", "new"),
    [
        ("644", 0o755, False, 0o644),
        ("0755", 0o600, True, 0o755),
        ("07777", 0o000, False, 0o7777),
        ("0", 0o777, False, 0),
        ("u=rwX,go=rX", 0o600, False, 0o644),
        ("u=rwX,go=rX", 0o700, False, 0o755),
        ("u=rwX,go=rX", 0o600, True, 0o755),
        ("a+x", 0o644, False, 0o755),
        ("+x", 0o644, False, 0o755),
        ("go-rwx", 0o777, False, 0o700),
        ("g=u", 0o750, False, 0o770),
        ("u+s", 0o755, False, 0o4755),
        ("g+s", 0o755, True, 0o2755),
        ("+t", 0o777, True, 0o1777),
        ("u=rw,g=r,o=", 0o777, False, 0o640),
        ("u+r-w+x", 0o200, False, 0o500),
        ("o+t", 0o644, False, 0o644),
        ("go+t", 0o644, False, 0o1644),
        ("=t", 0o644, False, 0o1644),
        ("u=g", 0o6711, False, 0o6111),
        ("u=", 0o6711, False, 0o2011),
        ("g=u-w", 0o750, False, 0o750),
        ("g=uX", 0o644, False, 0o664),
        ("u=gw", 0o750, False, 0o250),
        ("a-x,a+X", 0o755, False, 0o755),
        ("u=x-X", 0o644, False, 0o044),
        ("u+x,go+X", 0o644, False, 0o744),
    ],
)
def test_a_mode_changes_as_chmod_changes_it(text: str, old: int, is_folder: bool, new: int) -> None:  # noqa: FBT001 - a table
    assert oct(parse_mode(text)(old, is_folder)) == oct(new)


@pytest.mark.parametrize("text", ["64a", "10000", "8", "0o755", "644,u+x"])
def test_a_number_that_is_not_octal_is_refused_in_buildkits_words(text: str) -> None:
    with pytest.raises(InputError, match="it should be octal string and between 0 and 07777"):
        parse_mode(text)


@pytest.mark.parametrize("text", ["u", "x+y", "u=rwz", "u=r,", "rw"])
def test_what_is_no_mode_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match="invalid chmod parameter") as caught:
        parse_mode(text)
    assert "u=rwX,go=rX" in caught.value.hint


@pytest.mark.parametrize(("text", "mode"), [("700", 0o700), ("04711", 0o711), ("u=rwx,go=", 0o755), ("", 0o755)])
def test_folders_above_get_the_permissions_of_an_octal_mode_only(text: str, mode: int) -> None:
    assert oct(parent_mode(text)) == oct(mode)
