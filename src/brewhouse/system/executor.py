"""Running what does not depend on each other at the same time."""

import os
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from graphlib import TopologicalSorter
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

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


class Once(Generic[K, R]):
    """What `work` makes of each key, made when it is first asked for; others who ask meanwhile wait.

    What fails for one fails for all. Work may ask for other keys, never for one that leads back to its own.
    """

    def __init__(self, work: Callable[[K], R]) -> None:
        """Make nothing yet."""
        self._work = work
        self._guard = threading.Lock()
        self._locks: dict[K, threading.Lock] = {}
        self._done: dict[K, R] = {}
        self._failed: dict[K, BaseException] = {}

    def __contains__(self, key: K) -> bool:
        """Tell whether it was made."""
        return key in self._done

    def get(self, key: K) -> R:
        """Return what was made of `key`, or make it."""
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key in self._failed:
                raise self._failed[key]
            if key not in self._done:
                try:
                    self._done[key] = self._work(key)
                except BaseException as error:
                    self._failed[key] = error
                    raise
            return self._done[key]

    def put(self, key: K, value: R) -> None:
        """Let `value` take the place of what was made."""
        self._done[key] = value


class Halt:
    """A switch that ends what runs under it, and what is begun later."""

    def __init__(self) -> None:
        """Let all run."""
        self._guard = threading.Lock()
        self._kills: set[Callable[[], None]] = set()
        self.is_over = False

    @contextmanager
    def over(self, kill: Callable[[], None]) -> Iterator[None]:
        """Have something end, by `kill`, with the switch during the block."""
        with self._guard:
            self._kills.add(kill)
            is_late = self.is_over
        try:
            if is_late:
                kill()
            yield
        finally:
            with self._guard:
                self._kills.discard(kill)

    def end(self) -> None:
        """End all."""
        with self._guard:
            self.is_over = True
            kills = list(self._kills)
        for kill in kills:
            kill()


class Crew:
    """Threads that work ahead of who will ask for the results, `workers` of them at a time.

    The first error ends all: `halt` is called, so that what runs elsewhere ends soon, `check` raises it between steps,
    and the block in the end. When that ends, what has not begun is not begun, and what runs is waited for.
    """

    def __init__(self, halt: Callable[[], None] = lambda: None, workers: int | None = None) -> None:
        """Start no thread yet."""
        self._halt = halt
        self._places = threading.BoundedSemaphore(workers or os.cpu_count() or 1)
        self._guard = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._error: BaseException | None = None
        self._ended = False

    def begin(self, work: Callable[[], object]) -> None:
        """Do `work` in a thread as soon as there is a place, unless all has ended."""
        with self._guard:
            if not self._ended:
                thread = threading.Thread(target=self._run, args=(work,))
                thread.start()
                self._threads.append(thread)

    def check(self) -> None:
        """Raise what another thread failed with; in the threads also once all is over."""
        if self._error:
            raise self._error
        if self._ended:
            raise InterruptedError

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        """Let nothing more begin, and wait for what runs; what was halted has failed because of the first error."""
        with self._guard:
            self._ended = True
        if error:
            self._halt()
        for thread in self._threads:
            thread.join()
        if self._error and isinstance(error, InterruptedError):
            raise self._error from None

    def _run(self, work: Callable[[], object]) -> None:
        with self._places:
            if self._ended or self._error:
                return
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - who asks for the result raises it
                self._error = self._error or error
                self._halt()
