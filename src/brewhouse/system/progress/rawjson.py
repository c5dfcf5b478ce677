"""Progress as BuildKit's clients write it for programs: a line of JSON for each event.

Source: SolveStatus of client/graph.go in moby/buildkit, `--progress=rawjson` of docker/buildx.
"""

import base64
import hashlib
import sys
from datetime import UTC, datetime
from typing import IO

import msgspec


class RawJson:
    """Writes events; a step is known by a digest of its number and name."""

    def __init__(self, out: IO[str] | None = None) -> None:
        """Write to `out`, stderr by default."""
        self._out = out or sys.stderr
        self._vertexes: dict[int, dict[str, object]] = {}

    def started(self, number: int, name: str) -> None:
        """Write that a step began."""
        digest = f"sha256:{hashlib.sha256(f'{number} {name}'.encode()).hexdigest()}"
        self._vertexes[number] = {"digest": digest, "name": name, "started": _now()}
        self._write("vertexes", self._vertexes[number])

    def line(self, number: int, text: str) -> None:
        """Write one line that a step printed."""
        data = base64.b64encode(f"{text}\n".encode()).decode()
        self._write("logs", {"vertex": self._digest(number), "stream": 1, "data": data, "timestamp": _now()})

    def advanced(self, number: int, done: int, total: int) -> None:
        """Write how many of `total` units are done."""
        vertex = self._vertexes[number]
        status = {"id": vertex["name"], "vertex": vertex["digest"], "total": total, "current": done}
        self._write("statuses", {**status, "timestamp": _now(), "started": vertex["started"]})

    def ended(self, number: int, seconds: float, outcome: str) -> None:  # noqa: ARG002 - both times are written
        """Write how a step ended."""
        vertex = {**self._vertexes.pop(number), "completed": _now()}
        vertex |= {"cached": True} if outcome == "cached" else {}
        vertex |= {"error": "failed"} if outcome in ("failed", "cancelled") else {}
        self._write("vertexes", vertex)

    def _digest(self, number: int) -> object:
        return self._vertexes[number]["digest"]

    def _write(self, kind: str, event: object) -> None:
        self._out.write(msgspec.json.encode({kind: [event]}).decode() + "\n")
        self._out.flush()


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
