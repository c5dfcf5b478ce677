"""The same images in two empty stores: equal digests, or exit status 1."""

import sys
import time
from pathlib import Path

import msgspec

from benchmarks.compare import brewhouse, workplace
from brewhouse.oci.document import REF_NAME, Index

DESCRIPTION = "brew images (python:3.13-slim) in two empty stores, and compare all digests (--reproducible)"


def main(words: list[str]) -> int:
    """Brew the images that are named twice, with the fast profile unless `--profile release` stands among the words."""
    profile = "release" if "release" in words else "fast"
    images = [word for word in words if word not in ("--profile", "release", "fast")] or ["python:3.13-slim"]
    found: list[dict[str, str]] = []
    for turn in ("first", "second"):
        with workplace() as folder:
            start = time.monotonic()
            brewhouse(folder, "brew", "--profile", profile, *images)()
            found.append(_digests(folder))
            print(f"{turn}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    first, second = found
    for name in sorted(first | second):
        equal = first.get(name) == second.get(name)
        print(
            f"{'equal' if equal else 'DIFFERS':8}{name}  {first.get(name)}" + ("" if equal else f"  {second.get(name)}")
        )
    return 0 if first == second else 1


def _digests(store: Path) -> dict[str, str]:
    index = msgspec.json.decode((store / "index.json").read_bytes(), type=Index)
    return {entry.annotations[REF_NAME]: entry.digest for entry in index.manifests if REF_NAME in entry.annotations}
