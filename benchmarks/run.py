"""Starting a container for `true`, against podman, and crun alone on an unpacked root."""

import json
import subprocess
from pathlib import Path

from benchmarks.compare import Work, brewhouse, command, in_turns, nothing, show, workplace
from brewhouse.system.namespace import enter_namespace

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
        # crun refuses hosts with both kinds of cgroups unless it sees one kind only.
        enter_namespace()
        works = {
            "brewhouse run": (nothing, brewhouse(store, "run", "--rm", "--network", "host", IMAGE, "true")),
            "podman run": (nothing, _podman(top, store)),
            "crun run": (nothing, _crun(top, store)),
        }
        show(in_turns(works, repeat), "brewhouse run")


def _podman(top: Path, store: Path) -> Work:
    (top / "containers.conf").write_text(_ULIMITS)
    archive = top / "image.tar"
    brewhouse(store, "save", "-o", archive, IMAGE)()
    words = ["env", f"CONTAINERS_CONF={top}/containers.conf", "podman", "--runtime", "runc"]
    words += ["--root", str(top / "storage"), "--runroot", str(top / "run")]
    command(*words, "load", "-i", archive)()
    return command(*words, "run", "--rm", "--network", "host", IMAGE, "true")


def _crun(top: Path, store: Path) -> Work:
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
    return command("crun", "--cgroup-manager=disabled", "run", "--bundle", bundle, "brewhouse-bench", cwd=bundle)
