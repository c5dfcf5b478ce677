import pytest

from brewhouse.errors import InputError
from brewhouse.model import Ulimit
from brewhouse.system.ulimit import parse_ulimit


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("nofile=1024", Ulimit("nofile", 1024, 1024)),
        ("NPROC=10:20", Ulimit("nproc", 10, 20)),
        ("core=0:-1", Ulimit("core", 0, -1)),
        ("stack=-1", Ulimit("stack", -1, -1)),
    ],
)
def test_a_limit_is_soft_and_hard(text: str, limit: Ulimit) -> None:
    assert parse_ulimit(text) == limit


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nofile", "invalid ulimit argument: nofile"),
        ("nofile=many", "invalid ulimit argument"),
        ("nofile=1:", "invalid ulimit argument"),
        ("files=1", "invalid ulimit type: files"),
        ("nofile=2:1", "soft limit must be less than or equal to hard limit: 2 > 1"),
        ("nofile=-1:1", "soft limit must be less"),
    ],
)
def test_what_is_no_limit_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_ulimit(text)
