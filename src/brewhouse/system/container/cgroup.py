"""Control groups made for one command, in which the kernel limits memory and processors.

The runtime leaves groups alone: it is started in ours, and all that it starts stays there.
Source: cgroup-v2.rst and cgroup-v1 of Linux' admin guide; what unset limits become is as in Docker and runc.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from brewhouse.errors import HostError, InputError
from brewhouse.model import Limits
from brewhouse.system import kernel
from brewhouse.system.store.disk import new_folder

_CONTROLLERS = ("memory", "cpu", "cpuset")
# Some kernels do not count swap: then the limit that follows from that of memory is left out, as Docker does.
_SWAP = ("memory.memsw.limit_in_bytes", "memory.swap.max")
_UNIFIED = Path("/sys/fs/cgroup")
_PARENT = "brewhouse"
_NAME = "step-"
_PERIOD_MICROSECONDS = 100_000
# A group can be removed once the last process in it is gone, which the kernel tells a moment later.
_PATIENCE_SECONDS = 2.0
_PAUSE_SECONDS = 0.01
_MOST_TRIES = 20
_ENTER = 'while [ "$1" != -- ]; do echo $$ >"$1" || exit 125; shift; done; shift; exec "$@"'


def entering(words: Sequence[str], groups: Sequence[Path]) -> list[str]:
    """Return a command that enters groups and becomes another."""
    return ["/bin/sh", "-c", _ENTER, "sh", *(str(group / "cgroup.procs") for group in groups), "--", *words]


@contextmanager
def limited(limits: Limits, state: Path) -> Iterator[list[Path]]:
    """Give new groups with these limits, gone after the block; `state` is a folder for scratch files.

    Raises InputError for limits that the kernel refuses, HostError where groups cannot be made.
    """
    name = f"{_NAME}{os.urandom(6).hex()}"
    parts = [*(limits.parent or _PARENT).strip("/").split("/"), name]
    legacy = _legacy_hierarchies(Path("/proc/self/cgroup").read_text(encoding="utf-8"))
    with ExitStack() as cleanup:
        groups = []
        for hierarchy in sorted(set(legacy.values())):
            root = new_folder(state, "cgroup")
            with _explained("mount control groups"):
                kernel.mount("cgroup", root, "cgroup", options=hierarchy)
            cleanup.callback(kernel.unmount, root)
            groups.append(_group(root, parts, cleanup, (), has_cpuset="cpuset" in hierarchy.split(",")))
        values = legacy_values(limits) if legacy else unified_values(limits)
        if not legacy:
            controllers = {file.partition(".")[0] for file in values}
            groups.append(_group(_UNIFIED, parts, cleanup, sorted(controllers), has_cpuset=False))
        for file, value in values.items():
            if file not in _SWAP or limits.memory_swap_bytes or any((group / file).exists() for group in groups):
                _set(groups, file, value)
        yield groups


def legacy_values(limits: Limits) -> dict[str, str]:
    """Return the files of cgroup v1 to be written, in this order."""
    found = {
        "memory.limit_in_bytes": limits.memory_bytes,
        "memory.memsw.limit_in_bytes": _swap_bytes(limits),
        "cpu.shares": limits.cpu_shares,
        "cpu.cfs_period_us": limits.cpu_period,
        "cpu.cfs_quota_us": limits.cpu_quota,
        "cpuset.cpus": limits.cpuset_cpus,
        "cpuset.mems": limits.cpuset_mems,
    }
    return {file: str(value) for file, value in found.items() if value}


def unified_values(limits: Limits) -> dict[str, str]:
    """Return the files of cgroup v2 to be written. Source: ConvertCPUSharesToCgroupV2Value of runc."""
    found: dict[str, object] = {"memory.max": limits.memory_bytes}
    if limits.memory_bytes:
        found["memory.swap.max"] = (
            "max" if limits.memory_swap_bytes == -1 else str(_swap_bytes(limits) - limits.memory_bytes)
        )
    if limits.cpu_shares:
        found["cpu.weight"] = 1 + (max(limits.cpu_shares, 2) - 2) * 9999 // 262142
    if limits.cpu_quota or limits.cpu_period:
        quota = limits.cpu_quota if limits.cpu_quota > 0 else "max"
        found["cpu.max"] = f"{quota} {limits.cpu_period or _PERIOD_MICROSECONDS}"
    found |= {"cpuset.cpus": limits.cpuset_cpus, "cpuset.mems": limits.cpuset_mems}
    return {file: str(value) for file, value in found.items() if value}


def _swap_bytes(limits: Limits) -> int:
    """Return the limit of memory and swap together: twice the memory unless it is said, 0 for none."""
    if limits.memory_swap_bytes == -1:
        return 0
    return limits.memory_swap_bytes or 2 * limits.memory_bytes


def _legacy_hierarchies(own_groups: str) -> Mapping[str, str]:
    """Return the v1 hierarchies of controllers, by /proc/self/cgroup: {"cpu": "cpu,cpuacct"}."""
    lines = [line.split(":", 2)[1] for line in own_groups.splitlines()]
    return {name: line for line in lines for name in line.split(",") if name in _CONTROLLERS}


def _group(
    root: Path, parts: Sequence[str], cleanup: ExitStack, controllers: Sequence[str], *, has_cpuset: bool
) -> Path:
    """Make a group below `root`, and those above it that are missing; `controllers` are let through on v2."""
    with _explained(f"make the control group {'/'.join(parts[:-1])}"):
        for _ in range(_MOST_TRIES):
            # Another step may remove a group above, which it made, at any moment before ours is in it.
            with suppress(FileNotFoundError):
                return _make_group(root, parts, cleanup, controllers, has_cpuset=has_cpuset)
        return _make_group(root, parts, cleanup, controllers, has_cpuset=has_cpuset)


def _make_group(
    root: Path, parts: Sequence[str], cleanup: ExitStack, controllers: Sequence[str], *, has_cpuset: bool
) -> Path:
    group = root
    _remove_leftovers(root.joinpath(*parts[:-1]))
    for part in parts:
        above, group = group, group / part
        for name in controllers:
            (above / "cgroup.subtree_control").write_text(f"+{name}", encoding="ascii")
        is_new = not group.exists()
        group.mkdir(exist_ok=True)
        if is_new or part == _PARENT:
            cleanup.callback(_remove, group)
        for file in ("cpuset.cpus", "cpuset.mems") if has_cpuset else ():
            # A group of v1 begins without any processor, and takes no process then.
            if not (group / file).read_text(encoding="ascii").strip():
                (group / file).write_text((above / file).read_text(encoding="ascii"), encoding="ascii")
    cleanup.enter_context(_locked(group, fcntl.LOCK_SH))
    group.stat()  # another process may have removed it before it was locked
    return group


def _remove_leftovers(above: Path) -> None:
    """Remove the groups of processes that were killed: nobody holds their locks."""
    for group in above.glob(f"{_NAME}*"):
        with suppress(OSError), _locked(group, fcntl.LOCK_EX | fcntl.LOCK_NB):
            group.rmdir()


@contextmanager
def _locked(group: Path, kind: int) -> Iterator[None]:
    number = os.open(group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(number, kind)
        yield
    finally:
        os.close(number)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        mend = "run as root, or start brewhouse with limits: systemd-run --user --scope -p MemoryMax=2G"
        raise HostError(f"cannot {what}: {error.strerror}", hint=mend) from error


def _set(groups: Sequence[Path], file: str, value: str) -> None:
    place = next((group / file for group in groups if (group / file).exists()), None)
    if place is None:
        raise HostError(f"this kernel cannot limit {file}", hint="leave the option out")
    try:
        place.write_text(value, encoding="ascii")
    except OSError as error:
        is_unknown = error.errno in (errno.EINVAL, errno.ERANGE)
        mend = "give a value that this machine has" if is_unknown else "see the limits of the group above"
        raise InputError(f"this machine refuses {file}={value}: {error.strerror}", hint=mend) from error


def _remove(group: Path) -> None:
    """Remove a group that nobody uses; others may have put theirs into one that we made."""
    end = time.monotonic() + _PATIENCE_SECONDS
    with suppress(OSError):
        while (group / "cgroup.procs").read_text(encoding="ascii").strip() and time.monotonic() < end:
            time.sleep(_PAUSE_SECONDS)
        group.rmdir()
