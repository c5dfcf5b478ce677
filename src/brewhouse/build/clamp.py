"""Which times layers may have: none later than the build's epoch."""

import msgspec

SECOND_NS = 1_000_000_000


class Clamp(msgspec.Struct, frozen=True):
    """Every time later than `later_than_ns` (nanoseconds since 1970) becomes `epoch` (seconds since 1970).

    `later_than_ns` is when the build began, so that what its steps wrote gets the epoch and what they copied keeps its
    time; with the epoch itself it is BuildKit's `rewrite-timestamp`.
    """

    epoch: int
    later_than_ns: int

    @property
    def is_exact(self) -> bool:
        """Tell whether no time may be later than the epoch, whenever a step was carried out."""
        return self.later_than_ns == self.epoch * SECOND_NS

    def apply(self, mtime_ns: int) -> int:
        """Return the clamped time, in nanoseconds of a whole second."""
        seconds = self.epoch if mtime_ns > self.later_than_ns else mtime_ns // SECOND_NS
        return seconds * SECOND_NS
