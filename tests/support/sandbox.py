"""Commands run in a real sandbox, by a program in a process of its own: namespaces cannot be left again.

python -m tests.support.sandbox FOLDER < run.json      prints {"status": 0, "output": "...", "written": [...]}
"""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from brewhouse.model import Mount, Run
from brewhouse.system.container.sandbox import run_in_sandbox
from brewhouse.system.namespace import enter_namespace, in_user_namespace
from brewhouse.system.overlay import overlay
from brewhouse.system.program import is_installed

# Programs to run: the host's own, on a root file system that has nothing else.
PROGRAMS = Mount("/usr", "/usr", read_only=True)

missing = [name for name in ("crun", "newuidmap") if not is_installed(name)]
reason = f"not installed: {', '.join(missing)}" if missing else ""
if not Path("/bin").is_symlink():
    reason = "the host's programs are not all below /usr"


class Outcome(msgspec.Struct, frozen=True):
    """How a command ended, what it printed, and what the upper directory then held: "etc/x", sorted."""

    status: int
    output: str
    written: list[str]


def make_root(folder: Path) -> Path:
    """Return a root file system that needs only `PROGRAMS` to run them."""
    folder.mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (folder / name).symlink_to(f"usr/{name}")
    if not in_user_namespace():
        os.mknod(folder / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    (folder / "outside").symlink_to("../../../../srv/outside")
    (folder / "etc").mkdir()
    (folder / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n")
    (folder / "etc" / "group").write_text("root:x:0:\napp:x:1000:\naudio:x:29:app\n")
    return folder


def sandboxed(folder: Path, run: Run, *, become: Sequence[str] = ()) -> Outcome:
    """Return the outcome of `run` on a fresh root file system below `folder`."""
    words = [*become, sys.executable, "-m", "tests.support.sandbox", str(folder)]
    done = subprocess.run(words, input=msgspec.json.encode(run), capture_output=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=Outcome)


def shell(script: str, **changes: object) -> Run:
    """Return the run of a shell script."""
    return msgspec.structs.replace(Run(("sh", "-ec", script), mounts=(PROGRAMS,)), **changes)


def main() -> None:
    folder = Path(sys.argv[1])
    run = msgspec.json.decode(sys.stdin.buffer.read(), type=Run)
    enter_namespace()
    lower = make_root(folder / "lower")
    upper, work, root, state = (folder / name for name in ("upper", "work", "root", "state"))
    for place in (upper, work, root, state):
        place.mkdir()
    printed: list[bytes] = []
    with overlay([lower], upper, work, root):
        status = run_in_sandbox(root, run, state=state, output=printed.append)
    assert not any(state.iterdir()), "scratch files were left"
    assert threading.active_count() == 1, "threads were left"
    written = sorted(str(path.relative_to(upper)) for path in upper.rglob("*"))
    sys.stdout.buffer.write(msgspec.json.encode(Outcome(status, b"".join(printed).decode(), written)))


if __name__ == "__main__":
    main()
