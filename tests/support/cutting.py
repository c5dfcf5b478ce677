"""A wire to a server that breaks: the first connections on it end after some bytes, as when somebody pulls the plug."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE_BYTES = 1 << 16


class Wire:
    """`domain` is where it begins; `down_bytes` and `up_bytes` count what went through it, to us and from us."""

    def __init__(self, behind: str, after_bytes: int, times: int) -> None:
        host, _, port = behind.rpartition(":")
        self.behind = (host, int(port))
        self.after_bytes = after_bytes
        self.left = times
        self.domain = ""
        self.down_bytes = 0
        self.up_bytes = 0
        self.guard = threading.Lock()

    def name(self, path: str) -> str:
        return f"{self.domain}/{path}"

    def carry(self, near: socket.socket) -> None:
        """Carry bytes both ways until one end closes, or the wire breaks."""
        through = 0
        with near, socket.create_connection(self.behind) as far, suppress(OSError):
            while True:
                for end in select.select([near, far], [], [])[0]:
                    piece = end.recv(_PIECE_BYTES)
                    if not piece:
                        return
                    (far if end is near else near).sendall(piece)
                    through += len(piece)
                    self._count(len(piece), is_up=end is near)
                    if self._breaks(through):
                        return

    def _count(self, count: int, *, is_up: bool) -> None:
        with self.guard:
            self.up_bytes += count if is_up else 0
            self.down_bytes += 0 if is_up else count

    def _breaks(self, through: int) -> bool:
        with self.guard:
            if through < self.after_bytes or not self.left:
                return False
            self.left -= 1
            return True


@contextmanager
def cutting(behind: str, after_bytes: int, times: int) -> Iterator[Wire]:
    """Give a wire to `behind` ("127.0.0.1:5000") of which so many connections break after so many bytes each."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Wire(behind, after_bytes, times)
        wire.domain = f"127.0.0.1:{listener.getsockname()[1]}"

        def accept() -> None:
            with suppress(OSError):  # the block has ended
                while True:
                    threading.Thread(target=wire.carry, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield wire
        listener.shutdown(socket.SHUT_RDWR)
