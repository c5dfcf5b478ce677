"""`python -m tests.fuzz --examples 10000`: build random Dockerfiles on random contexts until one falls.

A build is an image or a refusal of one line, within ten seconds, and never touches what is beside its context. The
example that falls is shown in its smallest form.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings

from brewhouse.system.namespace import enter_namespace
from brewhouse.system.store.layout import Layout, open_layout
from tests.fuzz.build import World, build
from tests.fuzz.contexts import CONTEXTS, Node
from tests.fuzz.dockerfiles import dockerfiles, ignore_files


def main() -> int:
    """Return 0 when all examples held; an example that falls is raised with its traceback."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, metavar="N", help="how many builds (default: 100)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, other examples (default: 0)")
    options = parser.parse_args()
    enter_namespace()
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        with open_layout(root / "store") as layout:
            counts = _run(World(root / "world"), layout, options.examples, options.seed)
    print(f"{counts[True]} images, {counts[False]} refused")
    return 0


def _run(world: World, layout: Layout, examples: int, chosen: int) -> Counter[bool]:
    counts: Counter[bool] = Counter()

    @seed(chosen)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(CONTEXTS, dockerfiles(), ignore_files())
    def check(nodes: list[Node], dockerfile: str, ignore: str) -> None:
        world.fill(nodes)
        counts[build(world, dockerfile, ignore, layout) is not None] += 1

    check()
    return counts


if __name__ == "__main__":
    sys.exit(main())
