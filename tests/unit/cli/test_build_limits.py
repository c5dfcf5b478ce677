"""Limits of memory and processors, as options of `build` say them."""

import pytest

from brewhouse.cli.build_limits import read_limits
from brewhouse.errors import InputError
from brewhouse.model import Limits

NOTHING = {
    "cgroup_parent": "",
    "memory": "",
    "memory_swap": "",
    "cpu_shares": 0,
    "cpu_period": 0,
    "cpu_quota": 0,
    "cpuset_cpus": "",
    "cpuset_mems": "",
    "resource": (),
}


def test_a_resource_is_the_limit_of_that_name() -> None:
    resource = ("memory=64m", "memory-swap=-1", "cpu-quota=50000", "cpuset-cpus=0,1")
    expected = Limits(memory_bytes=64 << 20, memory_swap_bytes=-1, cpu_quota=50000, cpuset_cpus="0,1")
    assert read_limits({**NOTHING, "resource": resource}) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"resource": ("memroy=64m",)}, r"`--resource memroy=64m` is no limit \(did you mean memory\?\)"),
        ({"resource": ("memory",)}, "`--resource memory` is no limit"),
        ({"resource": ("memory=64m",), "memory": "1g"}, "the limit memory is given twice"),
        ({"resource": ("memory=64m", "memory=1g")}, "the limit memory is given twice"),
        ({"resource": ("cpu-quota=half",)}, "`--resource cpu-quota=half` is no whole number"),
        ({"resource": ("memory=much",)}, "`--memory much` is not a size"),
        ({"memory": "1m"}, "--memory 1m is too little for any command"),
        ({"memory_swap": "1g"}, "--memory-swap is the limit of memory and swap together"),
        ({"memory": "1g", "memory_swap": "64m"}, "--memory-swap is less than --memory"),
        ({"cgroup_parent": "/a/../b"}, "`--cgroup-parent /a/../b` is no control group"),
    ],
)
def test_limits_that_make_no_sense_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_limits({**NOTHING, **given})
