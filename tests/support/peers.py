"""Docker and podman, run apart from whatever else this machine has of them."""

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
_START_SECONDS = 60
_ULIMITS = (
    '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\ncgroup_manager = "cgroupfs"\n'
)


class Peer:
    """An engine: `run` gives what a command printed, and fails the test where it failed."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self.command = command
        self.environment = environment

    def run(self, *args: str, stdin: bytes = b"") -> str:
        words = [*self.command, *args]
        done = subprocess.run(words, env=self.environment, input=stdin, capture_output=True, timeout=300, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.decode()}"
        return done.stdout.decode()


@contextmanager
def engine(name: str) -> Iterator[Peer]:
    """Give Docker or podman, by name, with a folder of its own that is removed afterwards.

    podman takes no path longer than 50 characters for its run-time files, and pytest's own are longer.
    """
    with TemporaryDirectory(prefix="brew-", ignore_cleanup_errors=True) as text:
        folder = Path(text)
        if name == "docker":
            with docker(folder) as peer:
                yield peer
            return
        yield podman(folder)
        unmount_below(folder)


@contextmanager
def docker(folder: Path) -> Iterator[Peer]:
    """Run a Docker daemon of our own during the block, without bridge and firewall rules."""
    if not shutil.which("dockerd"):
        pytest.skip("dockerd is not installed: apt-get install docker.io")
    socket = f"unix://{folder}/docker.sock"
    words = ["dockerd", "--data-root", folder / "root", "--exec-root", folder / "exec", "--pidfile", folder / "pid"]
    words += ["--host", socket, "--bridge", "none", "--iptables=false"]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen([str(word) for word in words], env=ENVIRONMENT, stdout=log, stderr=log)
    try:
        # Another client of that name may stand before Debian's in PATH and be too new for its daemon.
        peer = Peer(["/usr/bin/docker", "--host", socket], ENVIRONMENT)
        _wait_for(daemon, folder)
        yield peer
    finally:
        daemon.terminate()
        daemon.wait(timeout=60)
        unmount_below(folder)


def podman(folder: Path) -> Peer:
    """Return podman with a storage of its own."""
    if not shutil.which("podman"):
        pytest.skip("podman is not installed: apt-get install podman")
    (folder / "containers.conf").write_text(_ULIMITS)
    (folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    places = ["--root", str(folder / "storage"), "--runroot", str(folder / "run"), "--storage-driver", "overlay"]
    environment = {**ENVIRONMENT, "CONTAINERS_CONF": str(folder / "containers.conf")}
    return Peer(["podman", *places, "--runtime", "runc"], environment)


def unmount_below(folder: Path) -> None:
    """Unmount what a daemon leaves mounted in its folder, so that this can be removed."""
    rows = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in sorted((row[1] for row in rows if row[1].startswith(str(folder))), reverse=True):
        subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)


def _wait_for(daemon: "subprocess.Popen[bytes]", folder: Path) -> None:
    for _ in range(_START_SECONDS * 10):
        if daemon.poll() is not None:
            pytest.skip("dockerd cannot run here: " + (folder / "log").read_text()[-300:])
        if (folder / "docker.sock").exists():
            return
        time.sleep(0.1)
    pytest.fail("dockerd did not start")
