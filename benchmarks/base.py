"""A Debian base image with a warm package cache, against mmdebstrap."""

import shutil
from pathlib import Path

from benchmarks.compare import brewhouse, command, in_turns, show, workplace
from brewhouse.system.sources import machine_mirror

DESCRIPTION = "brew debian:bookworm-slim with a warm package cache; mmdebstrap"
IMAGE = "debian:bookworm-slim"


def main(words: list[str]) -> None:
    """Run both in turns; the number of turns may be given."""
    repeat = int(words[0]) if words else 5
    with workplace() as top:
        warm, store, tree = top / "warm", top / "store", top / "root.tar"
        brewhouse(warm, "brew", IMAGE)()
        mirror = machine_mirror().archive
        cache = top / "archives"
        cache.mkdir()
        words = ["mmdebstrap", "--variant=minbase", "--mode=root", "--include=usr-is-merged"]
        keep = ["--skip=essential/unlink,cleanup/apt", f'--customize-hook=cp "$1"/var/cache/apt/archives/*.deb {cache}']
        command(*words, *keep, "bookworm", tree, mirror)()
        fill = f'--setup-hook=mkdir -p "$1/var/cache/apt/archives"; cp {cache}/*.deb "$1/var/cache/apt/archives"'
        warm_words: list[str | Path] = [*words, "--skip=download/empty", fill, "bookworm", tree, mirror]

        def empty_store() -> None:
            shutil.rmtree(store, ignore_errors=True)
            store.mkdir()
            shutil.copytree(warm / "downloads", store / "downloads", copy_function=lambda a, b: Path(b).hardlink_to(a))

        def no_tree() -> None:
            tree.unlink(missing_ok=True)

        works = {
            "brewhouse": (empty_store, brewhouse(store, "brew", IMAGE)),
            "mmdebstrap": (no_tree, command(*warm_words)),
        }
        show(in_turns(works, repeat), "brewhouse")
