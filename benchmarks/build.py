"""Building Dockerfiles: many small steps, many files and a large one; against BuildKit, buildah, podman."""

import os
import random
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.peers import docker

from benchmarks import layer, start
from benchmarks.compare import Work, brewhouse, command, in_turns, nothing, show, workplace
from brewhouse.system.namespace import enter_namespace

DESCRIPTION = "20 instructions, and COPY of 20,000 files and 300 MiB, cold and cached; BuildKit, buildah, podman"
BASE = "debian:bookworm"
_ULIMITS = (
    '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\ncgroup_manager = "cgroupfs"\n'
)
_FOLDERS, _FILES = 200, 100
_BLOCK_BYTES, _BLOCKS = 64 << 10, 4800

STEPS = "\n".join(
    [
        f"FROM {BASE}",
        "ARG V=1",
        "ENV A=1 B=2",
        "WORKDIR /w",
        "COPY a.txt b.txt /w/",
        *(f"RUN true\nRUN echo {number} > /f{number}" for number in range(6)),
        "LABEL x=y",
        "EXPOSE 80",
        'CMD ["/bin/true"]',
    ]
)
FILES = f"FROM {BASE}\nCOPY tree /tree\nCOPY big.bin /big.bin\n"


def main(words: list[str]) -> None:
    """Run all in turns, then `layer` and `start`; the number of turns may be given, and `steps` or `files` for one."""
    repeat = next((int(word) for word in words if word.isdecimal()), 5)
    with workplace() as top:
        store = top / "store"
        brewhouse(store, "brew", BASE)()
        enter_namespace()
        with _builders(top, store) as builders:
            for name, text in (("steps", STEPS), ("files", FILES)):
                if not set(words) & {"steps", "files"} or name in words:
                    _compare(name, _context(top / name, text), builders, repeat)
    if not set(words) & {"steps", "files"}:
        layer.main(words)
        start.main(words)


def _compare(name: str, context: Path, builders: Mapping[str, list[str]], repeat: int) -> None:
    """Print cold builds, and builds of which everything is cached."""
    for kind, flags in (("cold", ["--no-cache"]), ("cached", [])):
        works: dict[str, tuple[Work, Work]] = {
            builder: (nothing, command(*words, *flags, str(context))) for builder, words in builders.items()
        }
        for _, work in works.values():
            work()
        print(f"\n{name}, {kind}")
        show(in_turns(works, repeat), "brewhouse")


@contextmanager
def _builders(top: Path, store: Path) -> Iterator[dict[str, list[str]]]:
    """Give the words of each builder, behind which flags and the context go."""
    archive = top / "base.tar"
    brewhouse(store, "save", "-o", archive, BASE)()
    (top / "containers.conf").write_text(_ULIMITS)
    (top / "docker").mkdir()
    storage = ["--root", str(top / "storage"), "--runroot", str(top / "run")]
    containers = ["env", f"CONTAINERS_CONF={top}/containers.conf"]
    podman = [*containers, "podman", "--runtime", "runc", *storage]
    buildah = [*containers, "buildah", *storage]
    command(*podman, "load", "-i", archive)()
    with docker(top / "docker") as engine:
        engine.run("load", "-i", str(archive))
        client = ["env", "DOCKER_BUILDKIT=1", *engine.command]
        ours = [shutil.which("brewhouse") or "brewhouse", "--store", str(store), "--progress", "quiet"]
        yield {
            "brewhouse": [*ours, "build", "-q", "-t", "bench:1"],
            "BuildKit in Docker": [*client, "build", "-q", "--network", "host", "-t", "bench:1"],
            "buildah": [
                *buildah,
                "bud",
                "-q",
                "--layers",
                "--isolation",
                "chroot",
                "--network",
                "host",
                "-t",
                "bench:1",
            ],
            "podman": [*podman, "build", "-q", "--network", "host", "-t", "bench:1"],
        }


def _context(folder: Path, dockerfile: str) -> Path:
    """Return a folder with all that both Dockerfiles copy: the same bytes every time."""
    folder.mkdir()
    (folder / "Dockerfile").write_text(dockerfile)
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text("x" * 200)
    if "tree" not in dockerfile:
        return folder
    numbers = random.Random(7)  # noqa: S311 - no secret, the same files every time
    for number in range(_FOLDERS):
        (folder / "tree" / str(number)).mkdir(parents=True)
        for file in range(_FILES):
            (folder / "tree" / str(number) / f"{file}.txt").write_text(
                numbers.randbytes(numbers.randint(100, 4000)).hex()
            )
    with (folder / "big.bin").open("wb") as big:
        for number in range(_BLOCKS):
            line = (b"line %d\n" % number) * _BLOCK_BYTES
            big.write(numbers.randbytes(_BLOCK_BYTES) if number % 2 else line[:_BLOCK_BYTES])
    os.sync()
    return folder
