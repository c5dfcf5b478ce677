"""The most memory that large work takes: all processes of a command together, sampled while it runs."""

import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.compare import brewhouse, workplace

DESCRIPTION = "peak memory of large builds, save and load: resident bytes of all processes together"
IMAGE = "debian:trixie-slim"
_SAMPLE_SECONDS = 0.02
_MEGABYTE = 1 << 20
_FILES = 100_000


def main(words: list[str]) -> None:
    """Print a row for each kind of work; megabytes of content may be given, and a store that has the image."""
    megabytes = int(words[0]) if words else 2048
    with workplace() as top:
        store = Path(words[1]) if len(words) > 1 else top / "store"
        if len(words) <= 1:
            brewhouse(store, "brew", IMAGE)()
        print(f"{'':34}{'seconds':>9}{'peak MB':>9}")
        for name, command in _commands(top, megabytes):
            start = time.perf_counter()
            peak = _peak_bytes([sys.executable, "-m", "brewhouse", "--store", str(store), *command])
            print(f"{name:34}{time.perf_counter() - start:>9.1f}{peak / _MEGABYTE:>9.0f}", flush=True)


def _commands(top: Path, megabytes: int) -> Iterator[tuple[str, list[str]]]:
    """Yield kinds of work; each stands on those before it."""
    context = top / "context"
    (context / "many").mkdir(parents=True)
    _write(context / "big", megabytes)
    with tarfile.open(context / "big.tar", "w") as tar:
        tar.add(context / "big", "big")
    for number in range(_FILES):
        folder = context / "many" / str(number // 500)
        folder.mkdir(exist_ok=True)
        (folder / str(number)).write_text(str(number))
    archive = top / "image.tar"
    build = ["build", "--progress", "quiet", "-q", "-t"]
    kinds = {
        f"COPY of {megabytes} MB": "COPY big /big",
        f"RUN that writes {megabytes} MB": f"RUN head -c {megabytes}M /dev/urandom >/big",
        f"ADD of a tar of {megabytes} MB": "ADD big.tar /",
        f"COPY of {_FILES} files": "COPY many /many",
        f"RUN that makes {_FILES} files": f"RUN mkdir /many && cd /many && seq {_FILES} | xargs touch",
    }
    for number, (name, instruction) in enumerate(kinds.items()):
        file = context / f"Dockerfile.{number}"
        file.write_text(f"FROM {IMAGE}\n{instruction}\n")
        yield name, [*build, f"big:{number}", "-f", str(file), str(context)]
    last = [*build, "big:0", "-f", str(context / "Dockerfile.0"), str(context)]
    yield "the same COPY, cached", last
    yield "build -o type=tar", [*last, "-o", f"type=tar,dest={archive}"]
    yield "build -o type=oci, zstd", [*last, "-o", f"type=oci,dest={archive},compression=zstd"]
    yield "build --sbom -o DIR", [*last, "--sbom=true", "-o", str(top / "out")]
    yield "save", ["save", "big:0", "-o", str(archive)]
    yield "rmi", ["rmi", "big:0"]
    yield "load", ["load", "-i", str(archive)]
    yield "run", ["run", "--rm", "big:0", "true"]


def _write(path: Path, megabytes: int) -> None:
    """Write a file that compresses somewhat, as programs do."""
    block = b"".join(number.to_bytes(4, "big") * 4 for number in range(_MEGABYTE // 16))
    with path.open("wb") as file:
        for number in range(megabytes):
            file.write(number.to_bytes(8, "big") + block[8:])


def _peak_bytes(words: list[str]) -> int:
    """Return the most bytes that a command and its children had in memory at one time, each page counted once."""
    peak = 0
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(_resident_bytes, _family(process.pid))))
            time.sleep(_SAMPLE_SECONDS)
    if process.returncode:
        sys.exit(f"{' '.join(words)}: exit status {process.returncode}")
    return peak


def _family(top: int) -> list[int]:
    """Return a process and all that stand below it."""
    family = [top]
    for pid in family:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                family += map(int, task.read_text().split())
            except OSError:
                continue  # it has just ended
    return family


def _resident_bytes(pid: int) -> int:
    """Return the memory of a process, pages that others have too in shares."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # it has just ended
    found = dict(line.split(":", 1) for line in lines[1:])
    return int(found["Pss"].split()[0]) * 1024
