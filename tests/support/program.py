"""The program as users run it: a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec


class Ran(msgspec.Struct, frozen=True):
    """A command that ended."""

    status: int
    stdout: str
    stderr: str


class Program:
    """`brewhouse` with a store of its own."""

    def __init__(self, store: Path) -> None:
        self.store = store

    def words(self, *args: str | Path) -> list[str]:
        return [sys.executable, "-m", "brewhouse", "--store", str(self.store), *map(str, args)]

    def run(self, *args: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> Ran:
        done = subprocess.run(self.words(*args), input=stdin, capture_output=True, cwd=cwd, env=os.environ, check=False)
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def do(self, *args: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> str:
        """Run and return stdout; a command that fails, fails the test."""
        ran = self.run(*args, stdin=stdin, cwd=cwd)
        assert ran.status == 0, f"{args}: {ran.status}\n{ran.stderr[-3000:]}"
        return ran.stdout

    def digest(self, name: str) -> str:
        """Return the digest of the manifest that a name stands for."""
        found = msgspec.json.decode((self.store / "index.json").read_bytes())
        names = "org.opencontainers.image.ref.name"
        digests = [entry["digest"] for entry in found["manifests"] if entry.get("annotations", {}).get(names) == name]
        assert len(digests) == 1, f"{name}: {digests}"
        return str(digests[0])
