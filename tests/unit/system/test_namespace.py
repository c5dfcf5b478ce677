"""Ids that /etc/subuid lends, and those that a process has."""

import pytest

from brewhouse.system.namespace import SubIds, find_sub_ids, parse_id_map

TABLE = """\
sam:100000:65536
1000:300000:1000
alex:165536:65536
sam:500000:1000000
broken:x:y
eve:200000
"""


@pytest.mark.parametrize(
    ("user", "user_id", "lent"),
    [
        ("alex", 1001, SubIds(165536, 65536)),
        ("sam", 1003, SubIds(500000, 1000000)),
        ("nameless", 1000, SubIds(300000, 1000)),
        ("broken", 1005, None),
        ("eve", 1006, None),
        ("al", 1007, None),
    ],
)
def test_the_largest_range_of_a_user_counts(user: str, user_id: int, lent: SubIds | None) -> None:
    assert find_sub_ids(TABLE, user, user_id) == lent


def test_an_id_map_is_rows_of_three() -> None:
    text = "         0       1000          1\n         1     100000      65536\n"
    assert parse_id_map(text) == [(0, 1000, 1), (1, 100000, 65536)]
