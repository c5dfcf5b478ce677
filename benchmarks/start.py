"""Starting the program: its version, and a listing of 500 images; against Python with nothing to do."""

import sys
from pathlib import Path

from tests.support.store import files, make_image

from benchmarks.compare import Work, brewhouse, command, in_turns, nothing, show, workplace
from brewhouse.system.store.layout import open_layout

DESCRIPTION = "--version, and images with 500 of them; Python alone"
_IMAGES = 500


def main(words: list[str]) -> None:
    """Start in turns, as often as is said."""
    repeat = next((int(word) for word in words if word.isdecimal()), 15)
    with workplace() as top:
        _fill(top / "store")
        works: dict[str, tuple[Work, Work]] = {
            "brewhouse --version": (nothing, brewhouse(top / "store", "--version")),
            "brewhouse images (500)": (nothing, brewhouse(top / "store", "images")),
            "python -c pass": (nothing, command(sys.executable, "-c", "pass")),
        }
        seconds = in_turns(works, repeat)
        print("\nstart")
        show(seconds, "brewhouse --version")


def _fill(store: Path) -> None:
    """Make a store with 500 images of one layer, each with a config of its own."""
    with open_layout(store) as layout:
        for number in range(_IMAGES):
            make_image(layout, [f"image-{number}:1"], [files(name=str(number))])
