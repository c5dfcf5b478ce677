r"""Programs of Windows run by Wine, in a sandbox: a root file system with Wine in it, an empty Windows, and a drive C:.

The registry of a run is thrown away, and so is what Wine writes elsewhere; the drive is the caller's. Wine has no other
drive, so that nothing of the host is to be seen.
"""

import os
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import msgspec

from brewhouse.errors import BrewError
from brewhouse.model import Mount, Run
from brewhouse.system.container.sandbox import Output, run_in_sandbox
from brewhouse.system.overlay import overlay
from brewhouse.system.store.disk import remove_tree
from brewhouse.system.store.layout import Layout
from brewhouse.system.windows.drive import Spelling
from brewhouse.system.windows.registry import changed_keys, with_variables

ACCOUNT = "ContainerAdministrator"

_PROGRAM = "/usr/lib/wine/wine64"
# The server writes its registry when it is told to end, and not when it is killed with the container.
_RUN = f'{_PROGRAM} "$@"; status=$?; /usr/lib/wine/wineserver -k; exit $status'
_PREFIX, _DRIVE = "/wine", "/wine/drive_c"
_SCRIPT = "windows/temp/brewhouse.cmd"
# Variables of the Unix side that Wine keeps for itself: Windows has them from its registry. Source: is_special_env_var
# of dlls/ntdll/unix/env.c in Wine.
_OF_REGISTRY = frozenset({"PATH", "TEMP", "TMP", "HOME", "PWD"})
_SETTINGS = (
    f"WINEPREFIX={_PREFIX}",
    "WINEDEBUG=-all",
    "WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe=",
    f"USER={ACCOUNT}",
    "LC_ALL=C.UTF-8",
    "XDG_RUNTIME_DIR=/tmp",  # else a library of the Wayland display complains
)
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


class Wine(msgspec.Struct, frozen=True):
    """A root file system with Wine in it (its layers, base first), and an empty Windows: registry and drive."""

    lowers: tuple[Path, ...]
    registry: Path
    drive: Path


def open_wine(lowers: Sequence[Path], identity: str, layout: Layout) -> Wine:
    """Return Wine with its empty Windows, made the first time (10 s, 0.7 GB); `identity` stands for what `lowers` hold.

    Raises BrewError where Wine cannot make one.
    """
    place = layout.cache / "wine" / identity
    wine = Wine(tuple(lowers), place / "registry", place / "drive")
    if not place.is_dir():
        work = Path(mkdtemp(prefix="wine-", dir=layout.tmp))
        made = Wine(wine.lowers, work / "registry", work / "drive")
        _make_windows(made, layout.tmp)
        place.parent.mkdir(exist_ok=True)
        work.rename(place)
    return wine


class Ended(msgspec.Struct, frozen=True):
    r"""How a program ended: its status, and the keys of the registry that it changed ("Software\\\\Python")."""

    status: int
    changed_keys: tuple[str, ...] = ()


def run_in_wine(
    wine: Wine, drive: Path, command: Run, *, state: Path, output: Output | None = None, stdin: bytes | None = b""
) -> Ended:
    r"""Return how a program on `drive` ended; `command` has Windows' words and variables, and paths below C:.

    Its folder ("/usr/src/app"), and what is mounted on, are made where they are not there. Only the low eight bits of
    the status come through. Output goes as `run_in_sandbox` has it; what changed of the registry is looked at where
    there is an `output`, since that takes half a second.
    """
    command = _spelt(command, drive)
    for path in (command.cwd, *(mount.target for mount in command.mounts if mount.kind != "file")):
        (drive / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        registry = opened.enter_context(_scratch([wine.registry], state))
        file = registry / "system.reg"
        kept = {name: value for name, value in _variables(command.env).items() if name.upper() in _OF_REGISTRY}
        file.write_bytes(with_variables(file.read_bytes(), kept))
        root = opened.enter_context(_scratch(wine.lowers, state))
        full = _sandboxed(command, registry, drive)
        if output is None:
            opened.enter_context(_piped())
            full = msgspec.structs.replace(full, args=(_PROGRAM, *command.args))
            return Ended(run_in_sandbox(root, full, state=state, stdin=stdin))
        before = _read_registry(registry)
        status = run_in_sandbox(root, full, state=state, output=output, stdin=stdin)
        return Ended(status, tuple(changed_keys(before, _read_registry(registry))))


def script_words(script: str) -> tuple[tuple[str, ...], Mount]:
    """Return the words that run the lines of a script, and the mount that puts it into the drive for so long."""
    words = ("cmd", "/C", "C:\\" + _SCRIPT.replace("/", "\\"))
    return words, Mount(f"/{_SCRIPT}", kind="file", content=script.encode(), mode=0o644)


def _spelt(command: Run, drive: Path) -> Run:
    """Return the command with paths as the drive spells them."""
    spelling = Spelling([drive])
    mounts = (msgspec.structs.replace(mount, target="/" + spelling.find(mount.target)) for mount in command.mounts)
    return msgspec.structs.replace(command, cwd="/" + spelling.find(command.cwd), mounts=tuple(mounts))


def _sandboxed(command: Run, registry: Path, drive: Path) -> Run:
    """Return the command that the sandbox runs: Wine with the words, and all mounts where Wine's drive is."""
    own = [line for line in command.env if line.partition("=")[0].upper() not in _OF_REGISTRY]
    below = (msgspec.structs.replace(mount, target=_DRIVE + mount.target) for mount in command.mounts)
    trusted = (Mount(_BUNDLE, bundle, read_only=True),) if (bundle := _bundle()) else ()
    return msgspec.structs.replace(
        command,
        args=("sh", "-c", _RUN, "sh", *command.args),
        env=(*_SETTINGS, *own),
        cwd=_DRIVE + command.cwd.rstrip("/"),
        user="",
        mounts=(Mount(_PREFIX, str(registry)), Mount(_DRIVE, str(drive)), *trusted, *below),
    )


def _read_registry(folder: Path) -> bytes:
    """Return the machine's registry and the user's, one behind the other."""
    return b"\n\n".join((folder / name).read_bytes() for name in ("system.reg", "user.reg"))


def _bundle() -> str:
    """Return the certificates that the host trusts, which become Wine's own."""
    given = os.environ.get("SSL_CERT_FILE", _BUNDLE)
    return given if Path(given).is_file() else ""


def _variables(lines: Sequence[str]) -> Mapping[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _make_windows(wine: Wine, state: Path) -> None:
    """Fill the folders of `wine` with what Wine calls a prefix."""
    for folder in (wine.registry / "drive_c", wine.drive):
        folder.mkdir(parents=True)
    printed: list[bytes] = []
    mounts = (Mount(_PREFIX, str(wine.registry)), Mount(_DRIVE, str(wine.drive)))
    with _scratch(wine.lowers, state) as root:
        script = f"{_PROGRAM} wineboot --init && /usr/lib/wine/wineserver -w"
        boot = Run(("sh", "-ec", script), env=_SETTINGS, mounts=mounts, network="none")
        status = run_in_sandbox(root, boot, state=state, output=printed.append)
    if status or not (wine.drive / "windows" / "system32").is_dir():
        text = b"".join(printed).decode(errors="replace").strip().replace("\n", "; ")
        raise BrewError(f"Wine could not make an empty Windows: exit status {status}: {text[-300:]}")
    # The name of the server's socket, which is another one each time; and the host's whole tree as a drive.
    for name in ("wineserver", "dosdevices/z:"):
        (wine.registry / name).unlink(missing_ok=True)
    _drop_links(wine.drive / "users")


def _drop_links(folder: Path) -> None:
    """Make folders of the links that lead out of the drive, to where a desktop would have its documents."""
    for path in list(folder.rglob("*")):
        if path.is_symlink():
            path.unlink()
            path.mkdir()


@contextmanager
def _scratch(lowers: Sequence[Path], state: Path) -> Iterator[Path]:
    """Show `lowers`, to be written to at will, during the block."""
    upper, work, root = (Path(mkdtemp(prefix=f"{name}-", dir=state)) for name in ("upper", "work", "root"))
    try:
        with overlay(lowers, upper, work, root):
            yield root
    finally:
        for folder in (upper, work):
            remove_tree(folder)


@contextmanager
def _piped() -> Iterator[None]:
    """Let what we start write to pipes where our own output is a file: Wine's programs would not take that.

    Python for Windows ends with "init_sys_streams: can't initialize sys standard streams" on a file of Linux.
    """
    with ExitStack() as opened:
        for number in (1, 2):
            if stat.S_ISREG(os.fstat(number).st_mode):
                opened.enter_context(_one_piped(number))
        yield


@contextmanager
def _one_piped(number: int) -> Iterator[None]:
    file = os.dup(number)
    read, write = os.pipe()

    def copy() -> None:
        with os.fdopen(read, "rb") as source:
            while chunk := source.read1():
                os.write(file, chunk)

    os.dup2(write, number)
    os.close(write)
    copier = threading.Thread(target=copy)
    copier.start()
    try:
        yield
    finally:
        os.dup2(file, number)
        copier.join()
        os.close(file)
