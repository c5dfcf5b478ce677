"""Commands in a real sandbox: what they see, what they leave, and what they cannot do."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.support.sandbox import reason, sandboxed, shell

from brewhouse.model import Mount, Run

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)


def test_a_command_that_writes_nothing_leaves_nothing(tmp_path: Path) -> None:
    secret = Mount("/run/secrets/deep/token", kind="file", content=b"hush", read_only=True)
    other = Mount("/run/other", kind="file")
    cache = Mount("/var/cache/x", kind="tmpfs")
    outcome = sandboxed(tmp_path, shell("true", mounts=(*shell("").mounts, secret, other, cache)))
    assert (outcome.status, outcome.output, outcome.written) == (0, "", [])


def test_what_a_command_writes_is_all_that_stays(tmp_path: Path) -> None:
    script = "echo hi > /etc/motd; mkdir -p /run/secrets; touch /run/secrets/kept; rm /etc/group; echo 1 > /etc/hosts"
    outcome = sandboxed(tmp_path, shell(script))
    assert outcome.status == 0, outcome.output
    assert outcome.written == ["etc", "etc/group", "etc/motd", "run", "run/secrets", "run/secrets/kept"]


def test_mount_points_leave_folders_as_they_were(tmp_path: Path) -> None:
    outcome = sandboxed(tmp_path, shell("touch /etc/x; rm /etc/x; touch -d @1000000000 /etc"))
    assert outcome.written == ["etc"]
    assert (tmp_path / "upper" / "etc").stat().st_mtime == 1_000_000_000


@pytest.mark.parametrize(
    ("run", "status"),
    [
        (shell("exit 42"), 42),
        (shell("sh -c 'kill -KILL $$'"), 128 + signal.SIGKILL),
        (msgspec.structs.replace(shell(""), args=("no-such-program",)), 127),
        (msgspec.structs.replace(shell(""), args=("/no/such/program",)), 127),
        (msgspec.structs.replace(shell(""), args=("/etc/passwd",)), 126),
    ],
)
def test_the_exit_status_is_the_command_s_or_tells_why_there_was_none(tmp_path: Path, run: Run, status: int) -> None:
    assert sandboxed(tmp_path, run).status == status


def test_a_secret_is_readable_by_its_owner_only_and_lies_in_memory(tmp_path: Path) -> None:
    secret = Mount("/run/secrets/token", kind="file", content=b"hush", read_only=True, uid=1000, gid=1000)
    script = "stat -c '%a %u %g' /run/secrets/token; cat /run/secrets/token; stat -f -c ' %T' /run/secrets/token"
    outcome = sandboxed(tmp_path, shell(script, user="app", mounts=(*shell("").mounts, secret)))
    assert outcome.output == "400 1000 1000\nhush tmpfs\n"


def test_a_user_has_the_groups_and_the_home_of_the_image(tmp_path: Path) -> None:
    outcome = sandboxed(tmp_path, shell("id -u; id -g; id -G; echo $HOME", user="app"))
    assert outcome.output == "1000\n1000\n1000 29\n/home/app\n"


def test_without_a_network_there_is_only_lo_and_it_is_up(tmp_path: Path) -> None:
    outcome = sandboxed(tmp_path, shell("ls /sys/class/net; cat /sys/class/net/lo/flags", network="none"))
    assert outcome.output == "lo\n0x9\n"


def test_the_network_of_the_host_is_there_with_its_names(tmp_path: Path) -> None:
    outcome = sandboxed(tmp_path, shell("cat /etc/resolv.conf; getent hosts db; hostname", hosts=("192.0.2.7\tdb",)))
    assert outcome.output.startswith(Path("/etc/resolv.conf").read_text())
    assert outcome.output.endswith("192.0.2.7       db\nbrewhouse\n")


@pytest.mark.parametrize(
    "script",
    [
        "mknod /dev/disk b 8 0",
        "head -c 1 /zero",
        "mount -t tmpfs none /etc",
        "unshare --user true",
        "echo 1 > /proc/sys/kernel/sysrq",
        "mkdir /sys/fs/cgroup/x",
        "hostname other",
        "dmesg",
        "touch /usr/x",
        "cat /proc/kcore | grep -q .",
        "test -e /dev/kmsg || test -e /dev/mem",
    ],
)
def test_root_of_a_sandbox_may_not_touch_the_host(tmp_path: Path, script: str) -> None:
    assert sandboxed(tmp_path, shell(script)).status != 0


def test_root_of_the_host_makes_no_devices_either(tmp_path: Path) -> None:
    outcome = sandboxed(tmp_path, shell("mknod /dev/disk b 8 0 || echo no", user_namespace=False))
    assert outcome.output.endswith("\nno\n")


def test_processes_of_the_host_are_not_seen(tmp_path: Path) -> None:
    assert sandboxed(tmp_path, shell("ls -d /proc/[0-9]* | wc -l; echo $$")).output == "3\n1\n"


def test_a_mount_below_a_link_that_leads_out_is_made_inside_the_root(tmp_path: Path) -> None:
    token = Mount("/outside/token", kind="file", content=b"hush")
    outcome = sandboxed(tmp_path, shell("cat /srv/outside/token", mounts=(*shell("").mounts, token)))
    assert (outcome.status, outcome.output, outcome.written) == (0, "hush", [])
    assert not Path("/srv/outside").exists()


def test_a_command_that_swaps_folders_for_links_reaches_nothing_of_the_host(tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    (bait / "secrets").mkdir(parents=True)
    (bait / "secrets" / "token").touch()
    times = bait.stat().st_mtime_ns
    script = f"mv /run /r; ln -s {bait} /run"
    token = Mount("/run/secrets/token", kind="file", content=b"hush")
    outcome = sandboxed(tmp_path, shell(script, mounts=(*shell("").mounts, token)))
    assert (outcome.status, outcome.output) == (0, "")
    assert (bait / "secrets" / "token").exists()
    assert bait.stat().st_mtime_ns == times


def test_a_working_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    outcome = sandboxed(tmp_path, shell("pwd", cwd="/srv/app"))
    assert (outcome.output, outcome.written) == ("/srv/app\n", ["srv", "srv/app"])


def test_kill_9_leaves_no_process_and_no_mount(tmp_path: Path) -> None:
    marker = f"31.{os.getpid()}{time.monotonic_ns() % 10**9}"
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.support.sandbox", str(tmp_path)], stdin=subprocess.PIPE, env=os.environ
    )
    assert program.stdin is not None
    program.stdin.write(msgspec.json.encode(shell(f"sleep {marker} & sleep {marker}")))
    program.stdin.close()
    _until(lambda: len(_processes(marker)) >= 3)
    program.kill()
    program.wait()
    _until(lambda: not _processes(marker))
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def _processes(marker: str) -> list[str]:
    """Return the command lines of all processes that name the marker, as /proc has them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_text()
        except OSError:
            continue
        if marker in line:
            found.append(line)
    return found


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass within 20 s"
        time.sleep(0.05)
