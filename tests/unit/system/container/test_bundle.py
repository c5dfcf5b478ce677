"""A command becomes the config of an OCI runtime, as Docker would have it."""

from pathlib import Path

import msgspec
import pytest

from brewhouse.model import Mount, Run
from brewhouse.oci.runtime import ConsoleSize, MountPoint, RuntimeConfig, User
from brewhouse.system.container.account import Account
from brewhouse.system.container.bundle import Host, bind, hosts_file, runtime_config, tmpfs

ROOT = Path("/store/tmp/root")
APP = Account(1000, 1001, (1001, 29), "/home/app")
AS_ROOT = Host("x86_64", rootless=False)
AS_USER = Host("x86_64", rootless=True)


def config(command: Run, host: Host = AS_ROOT, *mounts: MountPoint) -> RuntimeConfig:
    return runtime_config(ROOT, command, APP, mounts, host)


def sys_mount(found: RuntimeConfig) -> MountPoint:
    return next(mount for mount in found.mounts if mount.destination == "/sys")


def test_the_process_is_the_command_as_its_account() -> None:
    found = config(Run(("make", "-j2"), env=("A=1",), cwd="/src", read_only=True, hostname="brew"))
    assert (found.process.args, found.process.cwd) == (("make", "-j2"), "/src")
    assert found.process.user == User(1000, 1001, (1001, 29))
    assert (found.root.path, found.root.readonly, found.hostname) == (str(ROOT), True, "brew")


@pytest.mark.parametrize(
    ("env", "whole"),
    [
        ((), ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/home/app")),
        (("PATH=/x",), ("PATH=/x", "HOME=/home/app")),
        (("HOME=", "PATH=/x"), ("HOME=", "PATH=/x")),
    ],
)
def test_path_and_home_are_set_where_they_are_missing(env: tuple[str, ...], whole: tuple[str, ...]) -> None:
    assert config(Run(("true",), env=env)).process.env == whole


@pytest.mark.parametrize(
    ("command", "host", "namespaces", "sys"),
    [
        (Run(("true",)), AS_ROOT, {"user"}, "bind"),
        (Run(("true",), network="none"), AS_ROOT, {"user", "network"}, "sysfs"),
        (Run(("true",), user_namespace=False), AS_ROOT, set(), "sysfs"),
        (Run(("true",)), AS_USER, set(), "bind"),
        (Run(("true",), network="none"), AS_USER, {"network"}, "sysfs"),
    ],
)
def test_namespaces_follow_network_and_user(command: Run, host: Host, namespaces: set[str], sys: str) -> None:
    found = config(command, host)
    always = {"mount", "pid", "ipc", "uts", "cgroup"}
    assert {namespace.type for namespace in found.linux.namespaces} == always | namespaces
    assert bool(found.linux.uid_mappings) is ("user" in namespaces)
    assert sys_mount(found).type == sys


@pytest.mark.parametrize("host", [AS_ROOT, AS_USER])
def test_sys_is_read_only_to_its_last_mount_and_shows_nothing_of_the_kernel_s_insides(host: Host) -> None:
    found = config(Run(("true",)), host)
    assert "rro" in sys_mount(found).options
    assert {"/sys/fs/cgroup", "/sys/kernel/debug", "/sys/firmware"} <= set(found.linux.masked_paths)


def test_what_docker_hides_is_hidden() -> None:
    linux = config(Run(("true",))).linux
    assert {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi"} <= set(linux.masked_paths)
    assert set(linux.readonly_paths) == {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
    assert linux.seccomp is not None


def test_capabilities_are_docker_s_fourteen() -> None:
    capabilities = config(Run(("true",))).process.capabilities
    assert len(set(capabilities.bounding)) == 14
    assert capabilities.bounding == capabilities.effective == capabilities.permitted
    assert not {"CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_MODULE"} & set(capabilities.bounding)


@pytest.mark.parametrize(
    ("command", "host", "may"),
    [
        (Run(("true",)), AS_ROOT, True),
        (Run(("true",)), AS_USER, True),
        (Run(("true",), user_namespace=False), AS_ROOT, False),
        (Run(("true",)), Host("x86_64", rootless=False, user_namespaces=False), False),
    ],
)
def test_root_of_the_host_makes_no_devices(command: Run, host: Host, *, may: bool) -> None:
    assert ("CAP_MKNOD" in config(command, host).process.capabilities.bounding) is may


def test_a_terminal_gets_the_size_of_ours() -> None:
    size = ConsoleSize(40, 132)
    host = Host("x86_64", rootless=False, console_size=size)
    assert config(Run(("sh",), terminal=True), host).process.console_size == size
    assert b"consoleSize" not in msgspec.json.encode(config(Run(("sh",)), host))


def test_mounts_asked_for_come_after_the_usual_ones_in_their_order() -> None:
    asked = (bind("/a", Path("/x"), read_only=True), bind("/a/b", Path("/y"), read_only=False))
    found = config(Run(("true",)), AS_ROOT, *asked)
    assert found.mounts[-2:] == asked
    assert [("ro" in mount.options, "rw" in mount.options) for mount in asked] == [(True, False), (False, True)]


@pytest.mark.parametrize(
    ("mount", "options"),
    [
        (Mount("/run", kind="tmpfs"), ("nosuid", "mode=1777")),
        (Mount("/run", kind="tmpfs", mode=0o750, size_bytes=1 << 20), ("nosuid", "mode=750", "size=1048576")),
        (
            Mount("/run", kind="tmpfs", no_exec=True, no_devices=True, uid=5),
            ("nosuid", "nodev", "noexec", "mode=1777", "uid=5", "gid=0"),
        ),
        (Mount("/run", kind="tmpfs", read_only=True), ("nosuid", "mode=1777", "ro")),
    ],
)
def test_a_tmpfs_has_the_options_it_is_asked_for(mount: Mount, options: tuple[str, ...]) -> None:
    assert tmpfs(mount) == MountPoint("/run", "tmpfs", "tmpfs", options)


def test_hosts_names_the_machine_and_what_was_added() -> None:
    lines = hosts_file(Run(("true",), hostname="brew", hosts=("192.0.2.7\tdb",))).splitlines()
    assert lines[0] == "127.0.0.1\tlocalhost brew"
    assert lines[-1] == "192.0.2.7\tdb"


def test_a_step_of_a_build_finds_the_hosts_that_buildkit_gives_it() -> None:
    found = hosts_file(Run(("true",), hostname="brew", is_step=True))
    assert found == "127.0.0.1\tlocalhost brew\n::1\tlocalhost ip6-localhost ip6-loopback\n"


def test_the_config_is_spelt_as_the_specification_spells_it() -> None:
    written = msgspec.json.decode(msgspec.json.encode(config(Run(("true",), network="none"))))
    assert written["ociVersion"] == "1.0.2"
    assert written["linux"]["uidMappings"] == [{"containerID": 0, "hostID": 0, "size": 4294967295}]
    assert written["linux"]["seccomp"]["defaultErrnoRet"] == 1
    assert "noNewPrivileges" not in written["process"]
