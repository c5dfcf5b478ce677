import itertools

import pytest

from brewhouse.errors import InputError
from brewhouse.family.version import belongs, debian_form, final_of, series_of, version_key

BY_AGE = ["3.9.25", "3.13.0a7", "3.13.0b4", "3.13.0rc1", "3.13.0rc3", "3.13.0", "3.13.2", "3.13.14", "3.15.0b3"]


@pytest.mark.parametrize(("older", "newer"), list(itertools.pairwise(BY_AGE)))
def test_versions_are_ordered_by_age_and_not_by_letters(older: str, newer: str) -> None:
    assert version_key(older) < version_key(newer)


@pytest.mark.parametrize("text", ["3.13", "v3.13.5", "3.13.5-1", "3.13.5rc", "3.13.0c1", "", "latest"])
def test_what_is_no_whole_version_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a version"):
        version_key(text)


@pytest.mark.parametrize(
    ("version", "line", "expected"),
    [
        ("3.13.5", "3.13", True),
        ("3.1.5", "3.13", False),
        ("3.13.0rc1", "3.13", True),
        ("3.15.0b3", "3.15-rc", True),
        ("3.15.0", "3.15-rc", False),
        ("3.15.0b3", "3.14", False),
    ],
)
def test_a_release_belongs_to_the_line_of_its_first_two_numbers(version: str, line: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    assert belongs(version, line) is expected


@pytest.mark.parametrize(
    ("version", "final", "series", "debian"),
    [("3.13.5", "3.13.5", "3.13", "3.13.5"), ("3.15.0rc12", "3.15.0", "3.15", "3.15.0~rc12")],
)
def test_a_version_has_the_forms_that_urls_and_debian_use(version: str, final: str, series: str, debian: str) -> None:
    assert (final_of(version), series_of(version), debian_form(version)) == (final, series, debian)
