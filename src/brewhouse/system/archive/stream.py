"""Bytes that come in pieces, read by count without being copied."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from brewhouse.errors import InputError


class Stream:
    """Bytes that come in pieces, read by count; `position` is how many were taken."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        """Read from `pieces`; `name` says in errors what is read."""
        self.name = name
        self.position = 0
        self._pieces = pieces
        self._piece = memoryview(b"")

    def take(self, count: int) -> Iterator[memoryview]:
        """Yield `count` bytes in pieces; raises InputError where the stream ends before."""
        while count:
            if not self._fill():
                raise InputError(f"{self.name} ends in the middle of an entry: unexpected EOF")
            piece, self._piece = self._piece[:count], self._piece[count:]
            count -= len(piece)
            self.position += len(piece)
            yield piece

    def read(self, count: int) -> bytes:
        """Return `count` bytes; raises InputError where the stream ends before."""
        if len(self._piece) >= count:
            piece, self._piece = self._piece[:count], self._piece[count:]
            self.position += count
            return bytes(piece)
        return b"".join(self.take(count))

    def skip_to(self, position: int) -> None:
        """Pass over what stands before `position`."""
        for _ in self.take(position - self.position):
            pass

    def drain(self) -> None:
        """Pass over the rest."""
        while self._fill():
            self.position += len(self._piece)
            self._piece = memoryview(b"")

    def at_end(self) -> bool:
        """Tell whether nothing is left."""
        return not self._fill()

    def _fill(self) -> bool:
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._piece = memoryview(piece)
        return True


@contextmanager
def prefetched(pieces: Iterator[bytes], ahead: int = 8) -> Iterator[Iterator[bytes]]:
    """Give `pieces`, made by a thread a few of them ahead of their use, so that two processors can work.

    The thread ends with the block: left to the garbage collector, which runs in any thread, its end could wait for
    the very thread that collects.
    """
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)

    def made() -> Iterator[bytes]:
        pending = deque(pool.submit(next, pieces, None) for _ in range(ahead))
        while (piece := pending.popleft().result()) is not None:
            pending.append(pool.submit(next, pieces, None))
            yield piece

    try:
        yield made()
    finally:
        pool.shutdown(cancel_futures=True)
