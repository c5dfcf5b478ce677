"""Starting a container for `true`, against podman, and crun alone on an unpacked root."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.compare import Work, brewhouse, command, in_turns, nothing, show, workplace

DESCRIPTION = "run --rm IMAGE true; podman, crun alone"
IMAGE = "debian:trixie-slim"
_ULIMITS = (
    '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\ncgroup_manager = "cgroupfs"\n'
)


def main(words: list[str]) -> None:
    """Run all in turns; the number of turns may be given."""
    repeat = int(words[0]) if words else 20
    with workplace() as top:
        store = top / "store"
        brewhouse(store, "brew", IMAGE)()
        with _one_kind_of_cgroups() as process:
            works = {
                "brewhouse run": (nothing, brewhouse(store, "run", "--rm", "--network", "host", IMAGE, "true")),
                "podman run": (nothing, _podman(top, store)),
                "crun run": (nothing, _crun(top, store, process)),
            }
            show(in_turns(works, repeat), "brewhouse run")


@contextmanager
def _one_kind_of_cgroups() -> Iterator[int]:
    """Give a process in a mount namespace with one kind of cgroups: crun refuses hosts that show it both."""
    script = "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup; echo; exec sleep infinity"
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - PIPE gives one
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def _podman(top: Path, store: Path) -> Work:
    (top / "containers.conf").write_text(_ULIMITS)
    archive = top / "image.tar"
    brewhouse(store, "save", "-o", archive, IMAGE)()
    words = ["env", f"CONTAINERS_CONF={top}/containers.conf", "podman", "--runtime", "runc"]
    words += ["--root", str(top / "storage"), "--runroot", str(top / "run")]
    command(*words, "load", "-i", archive)()
    return command(*words, "run", "--rm", "--network", "host", IMAGE, "true")


def _crun(top: Path, store: Path, process: int) -> Work:
    """Return crun started on the unpacked layer, with the config that it proposes itself."""
    bundle = top / "bundle"
    bundle.mkdir()
    subprocess.run(["crun", "spec"], cwd=bundle, check=True)
    config = json.loads((bundle / "config.json").read_text())
    config["process"].pop("rlimits", None)
    config["process"] |= {"terminal": False, "args": ["true"]}
    [layer] = (store / "snapshots").iterdir()
    config["root"] = {"path": str(layer), "readonly": True}
    (bundle / "config.json").write_text(json.dumps(config))
    inside = ["nsenter", "--target", str(process), "--mount"]
    return command(*inside, "crun", "--cgroup-manager=disabled", "run", "--bundle", bundle, "brewhouse-bench")
