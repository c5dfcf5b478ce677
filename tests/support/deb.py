"""Debian packages made in memory, right or wrong, to be unpacked by tests."""

import io
import lzma
import tarfile
from collections.abc import Iterable, Mapping

EPOCH = 1_700_000_000


def control_text(name: str, version: str = "1.0", **fields: str) -> str:
    """Return a control paragraph; underscores in the names of `fields` stand for hyphens."""
    lines = {"Package": name, "Version": version, "Architecture": "amd64", "Maintainer": "Nobody <nobody@example.org>"}
    lines |= {field.replace("_", "-"): value for field, value in fields.items()}
    return "".join(f"{field}: {value}\n" for field, value in {**lines, "Description": "a package of the tests"}.items())


def folder(name: str, mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    return _member(f"./{name}/" if name else "./", tarfile.DIRTYPE, mode)


def file(name: str, content: bytes = b"content\n", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    return _member(name if name.startswith(("/", ".")) else f"./{name}", tarfile.REGTYPE, mode, content=content)


def link(name: str, target: str, *, hard: bool = False) -> tuple[tarfile.TarInfo, bytes]:
    kind = tarfile.LNKTYPE if hard else tarfile.SYMTYPE
    return _member(f"./{name}", kind, 0o777, linkname=target)


def device(name: str) -> tuple[tarfile.TarInfo, bytes]:
    return _member(f"./{name}", tarfile.CHRTYPE, 0o666)


def make_deb(
    control: str, members: Iterable[tuple[tarfile.TarInfo, bytes]] = (), scripts: Mapping[str, str] | None = None
) -> bytes:
    """Return a package with this control paragraph, these files and these further control files."""
    files = {"control": control, **(scripts or {})}
    control_tar = make_tar(
        file(name, text.encode(), 0o755 if name in ("preinst", "postinst") else 0o644) for name, text in files.items()
    )
    return make_ar(
        {
            "debian-binary": b"2.0\n",
            "control.tar.xz": lzma.compress(control_tar),
            "data.tar.xz": lzma.compress(make_tar(members)),
        }
    )


def make_tar(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def make_ar(members: Mapping[str, bytes]) -> bytes:
    pieces = [b"!<arch>\n"]
    for name, content in members.items():
        header = f"{name:<16}{EPOCH:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
        pieces += [header.encode(), content, b"\n" * (len(content) % 2)]
    return b"".join(pieces)


def _member(
    name: str, kind: bytes, mode: int, *, content: bytes = b"", linkname: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size, info.linkname, info.mtime = kind, mode, len(content), linkname, EPOCH
    return info, content
