"""A command and its root file system as the config of an OCI runtime: pure.

What is not said in `Run` is as Docker has it: capabilities, system calls, /dev, /proc and /sys, what of them is hidden.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from brewhouse.model import Mount, Run
from brewhouse.oci.runtime import (
    Capabilities,
    ConsoleSize,
    IdMapping,
    Linux,
    MountPoint,
    Namespace,
    Process,
    Rlimit,
    Root,
    RuntimeConfig,
    User,
)
from brewhouse.system.container.account import Account
from brewhouse.system.container.seccomp import seccomp_profile

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Source: oci/caps/defaults.go of moby/moby.
_CAPABILITIES = (
    *("CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD"),
    *("CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID"),
    "CAP_SYS_CHROOT",
)
_WITHOUT_DEVICES = tuple(name for name in _CAPABILITIES if name != "CAP_MKNOD")

# Source: oci/defaults.go of moby/moby; what /sys shows besides, where it is the host's, is hidden as well.
_MASKED = (
    *("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
    *("/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats"),
    *("/sys/devices/virtual/powercap", "/sys/firmware"),
)
_MASKED_OF_HOST = ("/sys/fs/cgroup", "/sys/fs/bpf", "/sys/kernel/debug", "/sys/kernel/security", "/sys/kernel/tracing")
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

# -1 means as much as the kernel's RLIM_INFINITY: 2^64 - 1.
_NO_LIMIT = 1 << 64

_ALL_IDS = IdMapping(0, 0, (1 << 32) - 1)


class Host(msgspec.Struct, frozen=True):
    """What matters of this machine: `uname -m`, whether we are root only of a user namespace, the terminal's size.

    `user_namespaces` tells whether more of them can be made.
    """

    machine: str
    rootless: bool
    console_size: ConsoleSize | None = None
    user_namespaces: bool = True


def runtime_config(
    root: Path, command: Run, account: Account, mounts: Sequence[MountPoint], host: Host
) -> RuntimeConfig:
    """Return the config that runs `command` in `root` as `account`, with `mounts` besides the usual ones."""
    own_user_namespace = command.user_namespace and host.user_namespaces and not host.rootless
    # No cgroup here says which devices may be used, so root of the host must not make any.
    capabilities = _CAPABILITIES if own_user_namespace or host.rootless else _WITHOUT_DEVICES
    foreign_network = command.network == "host" and (own_user_namespace or host.rootless)
    kinds = ["mount", "pid", "ipc", "uts", "cgroup"]
    kinds += ["user"] if own_user_namespace else []
    kinds += ["network"] if command.network == "none" else []
    return RuntimeConfig(
        process=_process(command, account, host, capabilities),
        root=Root(str(root), readonly=command.read_only),
        hostname=command.hostname,
        mounts=(*_usual_mounts(command, mounts, foreign_network=foreign_network), *mounts),
        linux=Linux(
            namespaces=tuple(Namespace(kind) for kind in kinds),
            masked_paths=_MASKED + (_MASKED_OF_HOST if foreign_network else ()),
            readonly_paths=_READ_ONLY,
            uid_mappings=(_ALL_IDS,) if own_user_namespace else (),
            gid_mappings=(_ALL_IDS,) if own_user_namespace else (),
            seccomp=seccomp_profile(host.machine, capabilities),
        ),
    )


def bind(target: str, source: Path, *, read_only: bool) -> MountPoint:
    """Return the mount that shows the host's `source` at `target`."""
    return MountPoint(target, "bind", str(source), ("rbind", "rprivate", "ro" if read_only else "rw"))


def tmpfs(mount: Mount) -> MountPoint:
    """Return the mount of an empty file system in memory, open to all unless a mode is given, as Docker makes it."""
    options = [
        "nosuid",
        *(["nodev"] if mount.no_devices else []),
        *(["noexec"] if mount.no_exec else []),
        f"mode={0o1777 if mount.mode is None else mount.mode:o}",
    ]
    options += [f"size={mount.size_bytes}"] if mount.size_bytes else []
    options += [f"uid={mount.uid}", f"gid={mount.gid}"] if mount.uid or mount.gid else []
    options += ["ro"] if mount.read_only else []
    return MountPoint(mount.target, "tmpfs", "tmpfs", tuple(options))


def hosts_file(command: Run) -> str:
    """Return /etc/hosts: this machine by all its names, and the lines asked for.

    Source: executor/oci/hosts.go of moby/buildkit for steps of a build, else as Docker has it.
    """
    lines = [f"127.0.0.1\tlocalhost {command.hostname}", "::1\tlocalhost ip6-localhost ip6-loopback"]
    if not command.is_step:
        lines += ["fe00::0\tip6-localnet", "ff00::0\tip6-mcastprefix"]
        lines += ["ff02::1\tip6-allnodes", "ff02::2\tip6-allrouters"]
    return "".join(f"{line}\n" for line in (*lines, *command.hosts))


def _process(command: Run, account: Account, host: Host, capabilities: tuple[str, ...]) -> Process:
    return Process(
        args=command.args,
        env=_environment(command, account),
        cwd=command.cwd or "/",
        user=User(account.uid, account.gid, account.gids),
        capabilities=Capabilities(bounding=capabilities, effective=capabilities, permitted=capabilities),
        terminal=command.terminal,
        console_size=host.console_size if command.terminal else None,
        rlimits=tuple(
            Rlimit(f"RLIMIT_{limit.name.upper()}", limit.soft % _NO_LIMIT, limit.hard % _NO_LIMIT)
            for limit in command.ulimits
        ),
    )


def _environment(command: Run, account: Account) -> tuple[str, ...]:
    names = {line.partition("=")[0] for line in command.env}
    missing = [("PATH", DEFAULT_PATH), ("HOME", account.home)]
    return (*command.env, *(f"{name}={value}" for name, value in missing if name not in names))


def _usual_mounts(command: Run, asked_for: Sequence[MountPoint], *, foreign_network: bool) -> tuple[MountPoint, ...]:
    """Return /proc, /dev and /sys, without a /dev/shm that the command has another mount for.

    /sys shows a network namespace, and only the root who owns that may mount it: others get the host's, read-only.
    """
    hidden = ("nosuid", "noexec", "nodev")
    if foreign_network:
        sys = MountPoint("/sys", "bind", "/sys", ("rbind", *hidden, "rro"))
    else:
        sys = MountPoint("/sys", "sysfs", "sysfs", (*hidden, "ro"))
    pts = ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
    shm = MountPoint("/dev/shm", "tmpfs", "shm", (*hidden, "mode=1777", f"size={command.shm_bytes}"))  # noqa: S108 - a mount
    return (
        MountPoint("/proc", "proc", "proc", hidden),
        MountPoint("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
        MountPoint("/dev/pts", "devpts", "devpts", pts),
        sys,
        MountPoint("/dev/mqueue", "mqueue", "mqueue", hidden),
        *([shm] if all(mount.destination != shm.destination for mount in asked_for) else []),
    )
