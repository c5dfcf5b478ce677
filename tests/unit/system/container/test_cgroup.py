import pytest

from brewhouse.model import Limits
from brewhouse.system.container.cgroup import legacy_values, unified_values

GIB = 1 << 30


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), {}),
        (Limits(memory_bytes=GIB), {"memory.max": str(GIB), "memory.swap.max": str(GIB)}),
        (Limits(memory_bytes=GIB, memory_swap_bytes=-1), {"memory.max": str(GIB), "memory.swap.max": "max"}),
        (Limits(memory_bytes=GIB, memory_swap_bytes=GIB), {"memory.max": str(GIB), "memory.swap.max": "0"}),
        (Limits(cpu_shares=2), {"cpu.weight": "1"}),
        (Limits(cpu_shares=1024), {"cpu.weight": "39"}),
        (Limits(cpu_shares=262144), {"cpu.weight": "10000"}),
        (Limits(cpu_quota=50_000), {"cpu.max": "50000 100000"}),
        (Limits(cpu_period=20_000), {"cpu.max": "max 20000"}),
        (Limits(cpuset_cpus="0-1", cpuset_mems="0"), {"cpuset.cpus": "0-1", "cpuset.mems": "0"}),
    ],
)
def test_limits_are_written_as_version_2_of_groups_has_them(limits: Limits, expected: dict[str, str]) -> None:
    assert unified_values(limits) == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), {}),
        (Limits(memory_bytes=GIB), {"memory.limit_in_bytes": str(GIB), "memory.memsw.limit_in_bytes": str(2 * GIB)}),
        (Limits(memory_bytes=GIB, memory_swap_bytes=-1), {"memory.limit_in_bytes": str(GIB)}),
        (Limits(cpu_shares=512, cpu_quota=-1), {"cpu.shares": "512", "cpu.cfs_quota_us": "-1"}),
    ],
)
def test_limits_are_written_as_version_1_of_groups_has_them(limits: Limits, expected: dict[str, str]) -> None:
    assert legacy_values(limits) == expected
