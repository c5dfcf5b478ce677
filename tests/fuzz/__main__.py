"""`python -m tests.fuzz --examples 10000`: build random Dockerfiles on random contexts until one falls.

A build is an image or a refusal of one line, within ten seconds, and never touches what is beside its context. The
example that falls is shown in its smallest form.

With `--against docker` the `docker` command builds the same, and its BuildKit must give the same image, or refuse too.
Examples with another outcome are printed with what differs, and counted.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from brewhouse.errors import BrewError
from brewhouse.system.namespace import enter_namespace
from brewhouse.system.store.layout import Layout, open_layout
from tests.conformance.against import Docker, hand_over
from tests.conformance.bases import BUSYBOX, prepare
from tests.conformance.build_check import SHARED_BUSYBOX
from tests.fuzz.against import Bench, Compared, compare, shrunk, summed
from tests.fuzz.build import Example, World, build
from tests.fuzz.contexts import CONTEXTS, FULL_CONTEXTS, Node
from tests.fuzz.dockerfiles import dockerfiles, ignore_files

_SETTINGS = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
_SILENT = ("same", "both refuse", "no files")


def main() -> int:
    """Return 0 when all examples held, 1 where Docker gives another outcome; one that falls is raised."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, metavar="N", help="how many builds (default: 100)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, other examples (default: 0)")
    parser.add_argument("--against", choices=["docker"], help="compare each build with this engine's")
    parser.add_argument("--shrink", action="store_true", help="show differences in a smaller example, which takes time")
    parser.add_argument("--reasons", action="store_true", help="show too for what both refuse an example")
    options = parser.parse_args()
    enter_namespace()
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        if options.against:
            return _compare(root, options)
        with open_layout(root / "store") as layout:
            counts = _run(World(root / "world"), layout, options.examples, options.seed)
    print(f"{counts[True]} images, {counts[False]} refused")
    return 0


def _run(world: World, layout: Layout, examples: int, chosen: int) -> Counter[bool]:
    counts: Counter[bool] = Counter()

    @seed(chosen)
    @settings(_SETTINGS, max_examples=examples)
    @given(_examples())
    def check(example: Example) -> None:
        world.fill(example.nodes)
        counts[not isinstance(build(world, example, layout), BrewError)] += 1

    check()
    return counts


@st.composite
def _examples(draw: st.DrawFn, base: str = "") -> Example:
    nodes = draw(CONTEXTS | FULL_CONTEXTS)
    return Example(tuple(nodes), draw(dockerfiles(nodes, base)), draw(ignore_files()))


def _compare(root: Path, options: argparse.Namespace) -> int:
    store = root / "store"
    prepare(store, SHARED_BUSYBOX, debian=False)
    hand_over(BUSYBOX, store, Docker())
    counts: Counter[str] = Counter()
    with open_layout(store) as layout:
        bench = Bench(root / "bench", layout, Docker(), BUSYBOX)
        bench.folder.mkdir()
        numbers = range(options.seed, options.seed + options.examples)
        for found in compare(map(_drawn, numbers), bench):
            counts[found.kind] += 1
            if found.kind not in _SILENT:
                _show(shrunk(found, bench) if options.shrink else found)
            elif options.reasons and found.kind != "same":
                print(f"= {found.kind}", *found.lines, sep="\n", flush=True)
    print(summed(counts))
    return 0 if set(counts) <= set(_SILENT) else 1


def _drawn(chosen: int) -> Example:
    """Return the random example of a number, which has nothing to do with those of others.

    Hypothesis makes most examples of a run by changing others a little; the first of a run is the smallest that there
    is, and the second is new.
    """
    found: list[Example] = []

    @seed(chosen)
    @settings(_SETTINGS, max_examples=2, phases=[Phase.generate])
    @given(_examples(BUSYBOX))
    def draw(example: Example) -> None:
        found.append(example)

    draw()
    return found[-1]


def _show(found: Compared) -> None:
    """Print an example with all that makes it."""
    print(f"=== {found.kind}", *(f"    {line}" for line in found.lines), sep="\n")
    for node in found.example.nodes:
        print(f"  | {_node_text(node)}")
    if found.example.ignore:
        print(f"  | .dockerignore {found.example.ignore!r}")
    print("  --- Dockerfile", found.example.dockerfile, sep="\n", flush=True)


def _node_text(node: Node) -> str:
    members = "".join(f" {member}" for member in node.members)
    return f"{node.kind} {node.path} {node.mode:o} {node.target if node.kind == 'link' else ''}{members}"


if __name__ == "__main__":
    sys.exit(main())
