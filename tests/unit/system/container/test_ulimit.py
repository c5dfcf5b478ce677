from pathlib import Path

import pytest

from brewhouse.errors import InputError
from brewhouse.model import Ulimit
from brewhouse.system.container.ulimit import allow_ulimits, parse_ulimit


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


def test_a_limit_above_what_this_machine_allows_is_refused_before_anything_runs() -> None:
    allow_ulimits([Ulimit("nofile", 64, 128), Ulimit("locks", -1, -1)])
    largest = int(Path("/proc/sys/fs/nr_open").read_text())  # the kernel's own limit, for root too
    with pytest.raises(InputError, match=f"this machine allows nofile of [0-9]+ at most, not {largest + 1}"):
        allow_ulimits([Ulimit("nofile", 64, largest + 1)])
