"""Debian packages as files: an ar archive of control.tar and data.tar.

Source: deb(5).
"""

import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from brewhouse.build.debian.control import read_paragraph
from brewhouse.errors import IntegrityError
from brewhouse.system.archive.zstandard import zstd

_MAGIC = b"!<arch>\n"
_HEADER_BYTES = 60
_READ_BYTES = 1 << 20
_LARGEST_CONTROL_BYTES = 16 << 20
_DAMAGES = (tarfile.TarError, lzma.LZMAError, zstd.ZstdError, gzip.BadGzipFile, zlib.error, EOFError, ValueError)


class ControlFile(msgspec.Struct, frozen=True):
    """A file of control.tar: "control", "conffiles", "postinst"."""

    content: bytes
    mode: int
    mtime: int


class Deb(msgspec.Struct, frozen=True):
    """An opened package: the fields of its control paragraph, and all its control files by name."""

    path: Path
    fields: dict[str, str]
    control: dict[str, ControlFile]

    @property
    def name(self) -> str:
        """Return the name of the package: "libc6"."""
        return self.fields["Package"]

    @property
    def qualified_name(self) -> str:
        """Return the name that dpkg's own files give it: "libc6:amd64" for those of several architectures."""
        return f"{self.name}:{self.fields['Architecture']}" if self.fields.get("Multi-Arch") == "same" else self.name

    def lines(self, name: str) -> list[str]:
        """Return the lines of a control file that have something on them, none where there is no such file."""
        file = self.control.get(name)
        return [line.strip() for line in file.content.decode().splitlines() if line.strip()] if file else []


def open_deb(path: Path) -> Deb:
    """Return the package in `path` with its control files; raises IntegrityError for what is no package."""
    with _member(path, "control.tar") as tar:
        files = {}
        for info in tar:
            name = info.name.removeprefix("./")
            content = tar.extractfile(info) if info.isfile() else None
            if content and "/" not in name and info.size <= _LARGEST_CONTROL_BYTES:
                files[name] = ControlFile(content.read(), info.mode & 0o755, int(info.mtime))
    if "control" not in files:
        raise IntegrityError(f"{path.name} is not a Debian package: it has no control file")
    return Deb(path, read_paragraph(files["control"].content.decode(), path.name), files)


@contextmanager
def open_data(deb: Deb) -> Iterator[tarfile.TarFile]:
    """Give data.tar as a stream, to be read once from front to back."""
    with _member(deb.path, "data.tar") as tar:
        yield tar


@contextmanager
def _member(path: Path, name: str) -> Iterator[tarfile.TarFile]:
    """Give the tar in a member of the ar archive, whichever compression its name tells: "data.tar.xz"."""
    try:
        for found, content in _ar_members(path):
            if found == name or found.startswith(f"{name}."):
                plain = _decompressed(content, found.removeprefix(name))
                with tarfile.open(fileobj=plain, mode="r|", bufsize=_READ_BYTES, encoding="utf-8") as tar:
                    yield tar
                return
    except _DAMAGES as error:
        raise IntegrityError(f"{path.name} is not a Debian package: {error}") from error
    raise IntegrityError(f"{path.name} is not a Debian package: it has no {name}")


def _decompressed(content: bytes, suffix: str) -> IO[bytes]:
    stored = io.BytesIO(content)
    match suffix:
        case "":
            return stored
        case ".xz":
            return io.BufferedReader(lzma.LZMAFile(stored), _READ_BYTES)
        case ".zst":
            return io.BufferedReader(zstd.ZstdFile(stored), _READ_BYTES)
        case ".gz":
            return io.BufferedReader(gzip.GzipFile(fileobj=stored), _READ_BYTES)
        case _:
            raise ValueError(f"compression `{suffix}` is not one of gz, xz and zst")


def _ar_members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of an ar archive; raises ValueError where it is damaged."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("no ar archive")
        while header := file.read(_HEADER_BYTES):
            if len(header) < _HEADER_BYTES or header[-2:] != b"`\n":
                raise ValueError("a damaged ar header")
            size = int(header[48:58])
            content = file.read(size)
            if size < 0 or len(content) < size:
                raise ValueError("a cut ar member")
            yield header[:16].decode("ascii", "replace").strip().removesuffix("/"), content
            file.seek(size % 2, io.SEEK_CUR)
