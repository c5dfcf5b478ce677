"""Running what does not depend on each other at the same time."""

import os
from collections.abc import Callable, Hashable, Mapping
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


def run_graph(needs: Mapping[K, set[K]], work: Callable[[K], R], *, workers: int | None = None) -> dict[K, R]:
    """Return what `work` makes of each node, called once all that the node needs is done; `workers` at a time.

    The first error ends all: what has not begun is not begun, what runs is waited for. One node at a time is worked on
    in the calling thread, so that an interrupt reaches it.
    """
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    workers = workers or os.cpu_count() or 1
    done: dict[K, R] = {}
    if len(needs) == 1 or workers == 1:
        while sorter.is_active():
            for node in sorter.get_ready():
                done[node] = work(node)
                sorter.done(node)
        return done
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

    with ThreadPoolExecutor(workers) as pool:
        running: dict[Future[R], K] = {}
        try:
            while sorter.is_active():
                running |= {pool.submit(work, node): node for node in sorter.get_ready()}
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    node = running.pop(future)
                    done[node] = future.result()
                    sorter.done(node)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return done
