"""The layer pipeline: a folder walked, written as a tar, compressed and hashed; against `tar | gzip -6`."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.compare import Work, brewhouse, command, in_turns, nothing, show, workplace
from brewhouse.build.layer import pack_layer
from brewhouse.system.store.layout import open_layout

DESCRIPTION = "a Debian root file system as a layer; tar | gzip -6"
BASE = "debian:bookworm"


def main(words: list[str]) -> None:
    """Pack in turns, as often as is said, and print the sizes too."""
    repeat = next((int(word) for word in words if word.isdecimal()), 5)
    with workplace() as top:
        brewhouse(top / "store", "brew", BASE)()
        (root,) = (top / "store" / "snapshots").iterdir()
        packed = top / "packed.tar.gz"
        sizes: list[int] = []
        works: dict[str, tuple[Work, Work]] = {
            "brewhouse": (nothing, _pack(root, _stores(top), sizes)),
            "tar | gzip -6": (nothing, command("sh", "-c", f"tar -C {root} -c . | gzip -6 >{packed}")),
        }
        seconds = in_turns(works, repeat)
        print("\nlayer")
        show(seconds, "brewhouse")
        print(f"{'stored bytes, ours/theirs':28}{sizes[0]:>12,} / {packed.stat().st_size:,}")


def _stores(top: Path) -> Iterator[Path]:
    number = 0
    while True:
        number += 1
        yield top / f"store-{number}"


def _pack(root: Path, stores: Iterator[Path], sizes: list[int]) -> Work:
    """Return the work of packing into a store that knows nothing yet."""

    def work() -> None:
        with open_layout(next(stores)) as layout:
            sizes.append(pack_layer(root, layout).descriptor.size)

    return work
