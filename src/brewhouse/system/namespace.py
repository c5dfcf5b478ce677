"""The namespaces that this program itself works in, so that what it mounts and starts is gone when it is gone.

Root gets a mount and a pid namespace. An ordinary user gets a user namespace too, becomes root in it, and may then own
files as the users that /etc/subuid and /etc/subgid lend to him.
"""

import errno
import os
import pwd
import select
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from brewhouse.errors import HostError
from brewhouse.system import kernel
from brewhouse.system.program import is_installed, missing_program, shell_status

_CGROUP = Path("/sys/fs/cgroup")
_ALL_IDS = (0, 0, (1 << 32) - 1)

# What images commonly need: Debian's users go up to 65534.
_NEEDED_IDS = 65536


class SubIds(msgspec.Struct, frozen=True):
    """A range of ids that /etc/subuid or /etc/subgid lends to a user."""

    start: int
    count: int


def enter_namespace(*, own_processes: bool = True) -> None:
    """Move this process into namespaces of its own, once, at start-up, before any thread exists.

    Every mount made afterwards is seen by this process and its children only and vanishes with them. With
    `own_processes` the program goes on in a child, process 1 of a pid namespace, so that after kill -9 nothing that it
    started lives on; the caller's process waits for it. SIGTERM, SIGHUP and SIGINT then end it by SystemExit.
    Raises HostError where the machine does not allow it, with the mend.
    """
    pid = kernel.CLONE_NEWPID if own_processes else 0
    if os.geteuid() == 0:
        _enter_as_root(pid)
    else:
        _enter_as_user(pid)
    kernel.mount("none", "/", "", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    _mount_plain_cgroup()
    # Images must not differ by the umask of whoever builds them.
    os.umask(0o022)
    if own_processes:
        _go_on_as_first_process()


def in_user_namespace() -> bool:
    """Tell whether root is root of a user namespace only, in which the kernel allows less."""
    return parse_id_map(Path("/proc/self/uid_map").read_text()) != [_ALL_IDS]


def can_make_user_namespaces() -> bool:
    """Tell whether this kernel lets root make user namespaces."""
    limit = Path("/proc/sys/user/max_user_namespaces")
    return limit.exists() and int(limit.read_text()) > 0


def parse_id_map(text: str) -> list[tuple[int, int, int]]:
    """Return the lines of /proc/PID/uid_map: (first id inside, first id outside, count)."""
    rows = [line.split() for line in text.splitlines()]
    return [(int(inside), int(outside), int(count)) for inside, outside, count in rows]


def find_sub_ids(table: str, user: str, user_id: int) -> SubIds | None:
    """Return the largest range that `table`, the text of /etc/subuid or /etc/subgid, lends to the user.

    "sam:100000:65536" gives SubIds(100000, 65536); the first column is a name or a number.
    Source: subuid(5).
    """
    ranges = []
    for line in table.splitlines():
        owner, _, rest = line.strip().partition(":")
        start, _, count = rest.partition(":")
        if owner in (user, str(user_id)) and start.isdecimal() and count.isdecimal():
            ranges.append(SubIds(int(start), int(count)))
    return max(ranges, key=lambda lent: lent.count, default=None)


def _enter_as_root(pid: int) -> None:
    try:
        kernel.unshare(kernel.CLONE_NEWNS | pid)
    except PermissionError as error:
        mend = "where it runs in a container, give that CAP_SYS_ADMIN, or run as an ordinary user"
        raise HostError("root may not make a mount namespace here", hint=mend) from error


def _enter_as_user(pid: int) -> None:
    """Become root of a new user namespace, its ids mapped by a child that stayed outside."""
    for program in ("newuidmap", "newgidmap"):
        if not is_installed(program):
            raise missing_program(program)
    maps = [
        ("newuidmap", os.geteuid(), _lent_ids(Path("/etc/subuid"), os.geteuid())),
        ("newgidmap", os.getegid(), _lent_ids(Path("/etc/subgid"), os.geteuid())),
    ]
    ready_read, ready_write = os.pipe()
    mapper = os.fork()
    if mapper == 0:
        os.close(ready_write)
        os.read(ready_read, 1)
        os._exit(_write_maps(os.getppid(), maps))
    os.close(ready_read)
    try:
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWCGROUP | pid)
    except OSError as error:
        raise _refused(error) from error
    finally:
        os.close(ready_write)
        _, status = os.waitpid(mapper, 0)
    if status != 0:
        mend = "see that both programs are set-uid root: apt-get install --reinstall uidmap"
        raise HostError("newuidmap and newgidmap could not map the ids of /etc/subuid and /etc/subgid", hint=mend)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _lent_ids(table: Path, user_id: int) -> SubIds:
    user = _user_name(user_id)
    try:
        lent = find_sub_ids(table.read_text(), user, user_id)
    except FileNotFoundError:
        lent = None
    if lent is None or lent.count < _NEEDED_IDS:
        option = "subuids" if table.name == "subuid" else "subgids"
        mend = f"as root: usermod --add-{option} 100000-{100000 + _NEEDED_IDS - 1} {user}"
        raise HostError(f"{table} lends fewer than {_NEEDED_IDS} ids to {user}", hint=mend)
    return lent


def _user_name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


def _write_maps(process: int, maps: Sequence[tuple[str, int, SubIds]]) -> int:
    """Map id 0 to the user and 1 on to the lent range; return 0 if both programs did it."""
    from brewhouse.system.run import run

    for program, own, lent in maps:
        words = [process, 0, own, 1, 1, lent.start, lent.count]
        if run([program, *map(str, words)]).status != 0:
            return 1
    return 0


def _refused(error: OSError) -> HostError:
    """Return the error for a kernel that gives ordinary users no user namespace, with the setting that forbids it."""
    for switch, wanted in (
        ("kernel.unprivileged_userns_clone", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "0"),
    ):
        path = Path("/proc/sys") / switch.replace(".", "/")
        if path.exists() and path.read_text().strip() != wanted:
            return HostError("this kernel gives ordinary users no user namespace", hint=f"sysctl -w {switch}={wanted}")
    if error.errno == errno.ENOSPC:
        return HostError("no user namespace is left", hint="sysctl -w user.max_user_namespaces=65536")
    return HostError(f"cannot make a user namespace: {error.strerror}", hint="run as root")


def _mount_plain_cgroup() -> None:
    """Cover a hybrid or v1 cgroup tree by a plain cgroup2 one: crun starts on no other.

    Where even that is refused nothing is lost yet: `sandbox` then falls back to runc.
    """
    if not _CGROUP.is_dir() or (_CGROUP / "cgroup.controllers").exists():
        return
    unified = _CGROUP / "unified"
    try:
        if unified.is_dir():
            # It is the same file system, but binding it takes no time, and mounting it anew 14 ms.
            kernel.mount(str(unified), _CGROUP, "", flags=kernel.MS_BIND)
        else:
            kernel.mount("none", _CGROUP, "cgroup2")
    except OSError:
        return


# What the waiting process passes on; all others, such as SIGSEGV, concern the one that got them.
_PASSED_ON = (
    *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2),
    signal.SIGWINCH,
)
# How long a process that is told to end may tidy up: the next one removes what it leaves.
_GRACE_SECONDS = 10
_ATTENDED = {*_PASSED_ON, signal.SIGTSTP, signal.SIGCHLD}


def _go_on_as_first_process() -> None:
    """Return in a child that is process 1; its parent stays behind, and ends when and as the child ends."""
    sys.stdout.flush()
    sys.stderr.flush()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ATTENDED)
    alive_read, alive_write = os.pipe()
    child = os.fork()
    if child:
        os.close(alive_read)
        os._exit(_attend(child))
    os.close(alive_write)
    kernel.die_with_parent()
    if select.select([alive_read], [], [], 0)[0]:
        # The parent was killed before its death would have been noticed.
        os._exit(128 + signal.SIGKILL)
    os.close(alive_read)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        # Process 1 is not ended by signals that it does not handle; what nohup has us ignore stays ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    _mount_proc()


def _attend(child: int) -> int:
    """Wait for the child, pass on the signals sent to this process, and return the exit status."""
    while True:
        info = signal.sigwaitinfo(_ATTENDED)
        if info.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return shell_status(os.waitstatus_to_exitcode(status))
        elif info.si_signo == signal.SIGTSTP:
            os.kill(child, signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGSTOP)
            os.kill(child, signal.SIGCONT)
        elif info.si_signo == signal.SIGHUP or (info.si_signo in _PASSED_ON and info.si_code <= 0):
            # What a terminal sends (si_code above 0) has reached the child already, as one of the group: only its end
            # is told to the leader of the session alone.
            os.kill(child, info.si_signo)


def _end(number: int, _frame: object) -> None:
    """End by SystemExit, which tidies up; or without that, if it takes too long."""
    signal.signal(signal.SIGALRM, lambda *_: os._exit(128 + number))
    signal.alarm(_GRACE_SECONDS)
    sys.exit(128 + number)


def _mount_proc() -> None:
    """Show the processes of the new namespace on /proc: the runtimes find theirs there."""
    try:
        kernel.mount("proc", "/proc", "proc", flags=kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    except OSError as error:
        mend = "this is so in containers that hide parts of /proc: run it outside, or with all of /proc"
        raise HostError(f"cannot mount /proc: {error.strerror}", hint=mend) from error
