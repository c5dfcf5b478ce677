"""Push and pull of a 400 MB image of three layers, against skopeo and podman, with Debian's registry on loopback."""

import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.compare import Work, brewhouse, command, in_turns, nothing, show
from brewhouse.build.layer import Member, pack_members
from brewhouse.oci.document import CONFIG, MANIFEST, ImageConfig, Manifest, RootFS, write_document
from brewhouse.oci.platform import PLATFORMS, host_arch
from brewhouse.system.archive.tar import Entry
from brewhouse.system.store.layout import open_layout

DESCRIPTION = "push and pull of 400 MB, cold and with all blobs there; skopeo, podman"
PORT = 5077
NAME = f"127.0.0.1:{PORT}/p400:1"
_BLOCK = 64 << 10
_START_SECONDS = 10
_POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'


def main(words: list[str]) -> None:
    """Run all in turns; the number of turns may be given."""
    repeat = int(words[0]) if words else 5
    with tempfile.TemporaryDirectory(prefix="brewhouse-bench-") as folder:
        top = Path(folder)
        store, served = top / "store", top / "registry"
        make_image(store)
        with registry(top, served):
            podman = _podman(top, store)
            pushes = {
                "brewhouse push": brewhouse(store, "push", NAME),
                "skopeo copy": command(
                    "skopeo", "copy", "--dest-tls-verify=false", f"oci:{store}:{NAME}", f"docker://{NAME}"
                ),
                "podman push": command(*podman, "push", "--tls-verify=false", NAME),
            }
            print("push, nothing there")
            cold = {name: (lambda: empty(served), work) for name, work in pushes.items()}
            show(in_turns(cold, repeat), "brewhouse push")
            print("push, all there")
            show(in_turns({name: (nothing, work) for name, work in pushes.items()}, repeat), "brewhouse push")
            pulled, layout = top / "pulled", top / "layout"
            pulls: dict[str, tuple[Work, Work]] = {
                "brewhouse pull": (lambda: _remove(pulled), brewhouse(pulled, "pull", NAME)),
                "skopeo copy": (
                    lambda: _remove(layout),
                    command("skopeo", "copy", "--src-tls-verify=false", f"docker://{NAME}", f"oci:{layout}:1"),
                ),
                "podman pull": (
                    command(*podman, "rmi", "--force", NAME),
                    command(*podman, "pull", "--tls-verify=false", NAME),
                ),
            }
            print("pull, nothing there")
            show(in_turns(pulls, repeat), "brewhouse pull")
            print("pull, all there")
            show(in_turns({name: (nothing, work) for name, (_, work) in pulls.items()}, repeat), "brewhouse pull")
            print("peak memory of one process, MB")
            empty(served)
            print(f"{'brewhouse push':28}{peak_mb(store, 'push', NAME):>10.0f}")
            print(f"{'brewhouse pull':28}{peak_mb(top / 'again', 'pull', NAME):>10.0f}")


def make_image(store: Path) -> None:
    """Store the image: 128 MB in one file, 48 MB in 10,000 files, 224 MB in one file, half of it random."""
    chance = random.Random(7)  # noqa: S311 - the same bytes each time
    with open_layout(store) as layout:
        layers = [
            pack_members([_file("base", _mixed(chance, 128 << 20))], layout),
            pack_members([_file(f"files/{number:05}", _mixed(chance, 4800)) for number in range(10_000)], layout),
            pack_members([_file("big.bin", _mixed(chance, 224 << 20))], layout),
        ]
        platform = PLATFORMS[host_arch()]
        diff_ids = tuple(layer.diff_id for layer in layers)
        config = write_document(ImageConfig(platform.architecture, platform.os, rootfs=RootFS(diff_ids=diff_ids)))
        blobs = tuple(layer.descriptor for layer in layers)
        manifest = write_document(Manifest(2, config.descriptor(CONFIG), blobs, media_type=MANIFEST))
        layout.tag([NAME], layout.write_image(config, manifest).descriptor)


@contextmanager
def registry(top: Path, served: Path) -> Iterator[None]:
    """Run Debian's docker-registry during the block, without a cache in memory, so that its folder can be emptied."""
    config = top / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {served}}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: 127.0.0.1:{PORT}}}\n"
    )
    with (top / "registry.log").open("wb") as log:
        server = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{PORT}/v2/")
        yield
    finally:
        server.terminate()
        server.wait()


def empty(served: Path) -> None:
    """Let the registry forget all."""
    _remove(served)


def peak_mb(store: Path, *words: str) -> float:
    """Return the largest resident size of our program for one command, as the kernel counts it since its start."""
    program = Path(sys.executable).with_name("brewhouse")
    args = [str(program), "--store", str(store), "--progress", "quiet", *words]
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL)
    peak_kb = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        found = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        peak_kb = max([peak_kb, *(int(line.split()[1]) for line in found)])
        time.sleep(0.01)
    return peak_kb / 1000


def _podman(top: Path, store: Path) -> list[str]:
    """Return podman with a storage of its own that has the image."""
    (top / "policy.json").write_text(_POLICY)
    archive = top / "image.tar"
    brewhouse(store, "save", "-o", archive, NAME)()
    words = ["podman", "--root", str(top / "podman"), "--runroot", str(top / "run"), "--storage-driver", "overlay"]
    command(*words, "load", "-i", archive)()
    archive.unlink()
    return words


def _file(name: str, content: bytes) -> Member:
    return Member(Entry(name, size=len(content)), content)


def _mixed(chance: random.Random, size: int) -> bytes:
    """Return bytes that gzip to about half: random and repeated blocks in turn."""
    if size < 2 * _BLOCK:
        return chance.randbytes(size // 2).hex().encode()
    line = b"the same line again and again\n"
    repeated = (line * (_BLOCK // len(line) + 1))[:_BLOCK]
    return b"".join(chance.randbytes(_BLOCK) + repeated for _ in range(size // (2 * _BLOCK)))


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str) -> None:
    for _ in range(_START_SECONDS * 20):
        try:
            with urllib.request.urlopen(url):  # noqa: S310 - loopback
                return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{url} does not answer")
