"""Brewing a Windows image, running it, and building the application of the page upon it: seconds and size."""

import sys
import tempfile
import time
from pathlib import Path

from tests.support.windows_base import make_base
from tests.support.windows_python import write_artifacts

from benchmarks.compare import Work, brewhouse
from brewhouse.oci.document import Index, Manifest, read_document
from brewhouse.oci.reference import parse_reference
from brewhouse.system.store.layout import Layout

DESCRIPTION = "brew, run and build for Windows: seconds and size; [STORE] that has Wine, else it is made"
IMAGE = "python:3.13-windowsservercore-ltsc2025"
_RUNS = 5
_DOCKERFILE = f"""FROM {IMAGE}
WORKDIR /usr/src/app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
CMD ["python", "-m", "tqdm", "--version"]
"""


def main(words: list[str]) -> int:
    """Measure; Wine is made unless the store has it, which the first run shows."""
    with tempfile.TemporaryDirectory(prefix="brewhouse-bench-") as folder:
        top = Path(folder)
        store = Path(words[0]) if words else top / "store"
        write_artifacts(top / "artifacts")
        make_base(top / "base")
        options = ["--artifacts", str(top / "artifacts"), "--base-layout", str(top / "base")]
        _show("brew, into an empty store", brewhouse(top / "empty", "brew", *options, IMAGE))
        brewhouse(store, "brew", *options, IMAGE)()
        _show("first run", brewhouse(store, "run", "--rm", IMAGE, "python", "-V"))
        for number in range(_RUNS):
            _show(f"run {number + 1}", brewhouse(store, "run", "--rm", IMAGE, "python", "-c", "pass"))
        application = top / "application"
        application.mkdir()
        (application / "requirements.txt").write_text("requests\ntqdm\n")
        (application / "Dockerfile").write_text(_DOCKERFILE)
        build = ("build", "--no-cache", "--platform", "windows/amd64", "-t", "bench-app", str(application))
        _show("build of the application", brewhouse(store, *build))
        _show("the same by cross-installation", brewhouse(store, *build, "--wine", "off", "--cross-pip"))
        print(f"{'layer of CPython':32}{_size(store) / 1e6:8.1f} MB compressed")
    return 0


def _show(name: str, work: Work) -> None:
    start = time.monotonic()
    work()
    print(f"{name:32}{time.monotonic() - start:8.1f} s")
    sys.stdout.flush()


def _size(store: Path) -> int:
    """Return the bytes of the uppermost layer."""
    layout = Layout(store)
    entry = layout.find(parse_reference(IMAGE))
    if entry is None:
        sys.exit(f"{IMAGE} is not in the store")
    raw = layout.read_blob(entry)
    if "index" in entry.media_type:
        raw = layout.read_blob(read_document(raw, Index, IMAGE).value.manifests[0])
    return read_document(raw, Manifest, IMAGE).value.layers[-1].size
