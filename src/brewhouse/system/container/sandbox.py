"""A command run in a root file system, apart from the host, by crun or runc.

Root's sandbox has a user namespace that maps every id to itself: it costs no measurable time, apt and dpkg work in it,
and root inside may then neither make device nodes nor listen to the host's network, whose namespace it shares. What it
takes away is ports below 1024 and raw sockets on that network; `Run.user_namespace` gives them back. Device nodes that
an image brings are of no use in any case: overlays are mounted with nodev.
An ordinary user has one already, from `enter_namespace`, which must have been called.
"""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

import msgspec

from brewhouse.errors import HostError, InputError
from brewhouse.model import Limits, Mount, Run
from brewhouse.oci.runtime import MountPoint
from brewhouse.system.confine import confine
from brewhouse.system.container.account import find_account
from brewhouse.system.container.bundle import Host, bind, hosts_file, runtime_config, tmpfs
from brewhouse.system.container.terminal import attend, attend_terminal, window_size
from brewhouse.system.executor import Halt
from brewhouse.system.kernel import mount_tmpfs
from brewhouse.system.namespace import can_make_user_namespaces, in_user_namespace
from brewhouse.system.program import is_installed
from brewhouse.system.run import stream
from brewhouse.system.store.disk import new_folder, remove_tree

Output = Callable[[bytes], None]

# Source: what a shell, and Docker, say of a command that is no program and one that is not there.
NOT_EXECUTABLE = 126
NOT_FOUND = 127

_CRUN = "crun"
_NO_LIMITS = Limits()


def run_in_sandbox(
    root: Path,
    command: Run,
    *,
    state: Path,
    output: Output | None = None,
    stdin: bytes | None = b"",
    halt: Halt | None = None,
) -> int:
    """Return the exit status of `command`, run in `root`; 126 and 127 where it could not be started, as a shell does.

    What it prints goes to `output`, both streams as one. With None it has our own streams, of which it may read only
    where `stdin` is None, and signals sent to us are passed on to it. `state` is a folder for scratch files; `halt`
    ends a command with an `output`, which then raises InterruptedError.
    `root` then holds what the command wrote, and nothing of what was mounted.
    Raises InputError for a user that the image does not know, MountError for a mount on something of another kind,
    HostError where this machine can run no containers.
    """
    with _prepared(root, command, state) as bundle, ExitStack() as cleanup:
        words = [*_runtime(bundle), "run", "--bundle", str(bundle), f"brewhouse-{os.urandom(6).hex()}"]
        if command.limits != _NO_LIMITS:
            from brewhouse.system.container.cgroup import entering, limited

            words = entering(words, cleanup.enter_context(limited(command.limits, state)))
        if output:
            status = stream(words, output, stdin=stdin or b"", halt=halt)
        elif command.terminal and words[0] == _CRUN:
            status = attend_terminal(words, interactive=stdin is None)
        else:
            # runc makes the container's terminal out of ours itself, and hands out none while it waits.
            status = attend(words, interactive=stdin is None)
        return _explained(status, bundle)


class MountError(InputError):
    """Something cannot be mounted on what is there in the root file system."""


class _LogLine(msgspec.Struct, frozen=True):
    """What crun and runc write to their log."""

    level: str
    msg: str


@contextmanager
def _prepared(root: Path, command: Run, state: Path) -> Iterator[Path]:
    """Give a bundle for `command`, in memory, with all in place that it mounts, and tidy up afterwards."""
    account = find_account(root, command.user)
    host = Host(os.uname().machine, in_user_namespace(), window_size(), can_make_user_namespaces())
    with ExitStack() as cleanup:
        bundle = new_folder(state, "run")
        cleanup.callback(remove_tree, bundle)
        # The runtime reads variables from a file, and copies it: those that are secrets must not reach a disk.
        mount_tmpfs(bundle, cleanup)
        mounts = [*_etc_files(command, bundle), *_asked_for(root, command, bundle)]
        config = runtime_config(root, command, account, mounts, host)
        (bundle / "config.json").write_bytes(msgspec.json.encode(config))
        cleanup.enter_context(_mount_points(root, config.mounts))
        _make_working_folder(root, command.cwd)
        yield bundle


def _make_working_folder(root: Path, cwd: str) -> None:
    """Make the folder in which the command starts; raises InputError where something else has its name."""
    try:
        confine(root, cwd or "/").mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(
            f"mkdir {cwd}: not a directory", hint="the working directory is no folder: name another by WORKDIR or -w"
        ) from error


def _etc_files(command: Run, bundle: Path) -> list[MountPoint]:
    """Return the mounts of files by which names are resolved: copies, so that a container may change its own."""
    resolver = Path("/etc/resolv.conf")
    contents = {
        "/etc/hosts": hosts_file(command).encode(),
        "/etc/resolv.conf": resolver.read_bytes() if resolver.exists() else b"",
    }
    return [
        bind(target, _write(bundle / str(number), content), read_only=command.is_step)
        for number, (target, content) in enumerate(contents.items())
    ]


def _asked_for(root: Path, command: Run, bundle: Path) -> Iterator[MountPoint]:
    """Yield the command's own mounts; files with content lie in the bundle, in memory, until the end."""
    for number, mount in enumerate(command.mounts):
        if mount.kind == "tmpfs":
            yield tmpfs(_with_mode(root, mount) if command.is_step else mount)
        elif mount.kind == "bind":
            yield bind(mount.target, Path(mount.source), read_only=mount.read_only)
        else:
            file = _write(bundle / f"content-{number}", mount.content)
            file.chmod(0o400 if mount.mode is None else mount.mode)
            os.chown(file, mount.uid, mount.gid)
            yield bind(mount.target, file, read_only=mount.read_only)


def _with_mode(root: Path, mount: Mount) -> Mount:
    """Return a tmpfs of a step with the mode of the folder that it hides, as runc gives it to one that has none."""
    place = confine(root, mount.target)
    if mount.mode is not None or not place.is_dir():
        return mount
    return msgspec.structs.replace(mount, mode=stat.S_IMODE(place.stat().st_mode))


@contextmanager
def _mount_points(root: Path, mounts: Sequence[MountPoint]) -> Iterator[None]:
    """Make what is mounted upon during the block, and remove it afterwards, unless something was put there.

    Folders then have the times they had, unless the command changed them.

    Source: MountStubsCleaner of moby/buildkit.
    """
    made: list[Path] = []
    before: dict[Path, int] = {}

    def still(paths: Iterable[Path]) -> list[Path]:
        # The command may have put a link to the host in the place of any folder.
        return [path for path in paths if confine(root, str(path.relative_to(root)), follow_last=False) == path]

    done: dict[PurePosixPath, bool] = {}
    for mount in mounts:
        target, is_file = PurePosixPath(mount.destination), _is_file(mount)
        place = confine(root, mount.destination)
        was_file = done.get(target, place.is_file() if place.exists() else is_file)
        if is_file != was_file:
            what = "a file on a folder" if is_file else "a folder on a file"
            raise MountError(f"{mount.destination}: {what} cannot be mounted", hint="mount it elsewhere")
        if not any(target.is_relative_to(upper) for upper in done):
            made += _make_target(place, before, is_file=is_file)
        done[target] = is_file
    ready = _times(before)
    try:
        yield
    finally:
        ended = _times(still(before))
        for path in still(reversed(made)):
            _remove_if_empty(path)
        for folder in _times(ended):
            wanted = before[folder] if ended[folder] == ready[folder] else ended[folder]
            os.utime(folder, ns=(wanted, wanted))


def _is_file(mount: MountPoint) -> bool:
    if mount.type != "bind":
        return False
    try:
        return not stat.S_ISDIR(Path(mount.source).stat().st_mode)
    except FileNotFoundError:
        raise InputError(f"`{mount.source}`, to be mounted on {mount.destination}, does not exist") from None


def _times(folders: Iterable[Path]) -> dict[Path, int]:
    """Return when each folder, if it is still there, was changed, in nanoseconds."""
    return {folder: folder.stat().st_mtime_ns for folder in folders if folder.is_dir() and not folder.is_symlink()}


def _make_target(path: Path, before: dict[Path, int], *, is_file: bool) -> list[Path]:
    """Return what had to be made, parents first; `before` takes when the folder that it was made in was changed."""
    if path.exists():
        return []
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    parent = missing[-1].parent
    before.setdefault(parent, parent.stat().st_mtime_ns)
    for folder in reversed(missing[1:]):
        folder.mkdir(0o755)
    if is_file:
        path.touch(0o644)
    else:
        path.mkdir(0o755)
    return missing[::-1]


def _remove_if_empty(path: Path) -> None:
    """Remove a mount point; what has content, or is something else by now, the command made."""
    try:
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode):
            path.rmdir()
        elif stat.S_ISREG(found.st_mode) and found.st_size == 0:
            path.unlink()
    except OSError:
        # Not empty, or gone: both are the command's doing.
        return


def _runtime(bundle: Path) -> list[str]:
    """Return the runtime with the options for its own files; crun if it can work here, for its speed."""
    options = ["--root", str(bundle / "runtime"), "--log", str(bundle / "log"), "--log-format", "json"]
    if is_installed(_CRUN) and Path("/sys/fs/cgroup/cgroup.controllers").exists():
        # Nothing here limits resources, and an ordinary user may not make cgroups.
        return [_CRUN, "--cgroup-manager=disabled", *options]
    if is_installed("runc"):
        return ["runc", *options]
    raise HostError("no container runtime is installed", hint="install one: apt-get install crun")


def _explained(status: int, bundle: Path) -> int:
    """Return the status of the command, or what stands for one that never began; the runtime has said why already."""
    log = bundle / "log"
    lines = [msgspec.json.decode(line, type=_LogLine) for line in log.read_bytes().splitlines()] if log.exists() else []
    faults = [line.msg for line in lines if line.level in ("error", "fatal")]
    if status == 0 or not faults:
        return status
    if any(words in faults[-1] for words in ("executable file", "exec: ", "open executable")):
        return NOT_EXECUTABLE if re.search("[Pp]ermission denied|not permitted", faults[-1]) else NOT_FOUND
    raise HostError(f"the sandbox could not be made: {faults[-1]}", hint="see that this machine can run crun or runc")


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
