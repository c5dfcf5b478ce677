"""Build contexts: a folder or a repository; a tar or a Dockerfile on standard input or behind a URL."""

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import IO, TypeAlias

import msgspec

from brewhouse.dockerfile.dockerignore import ignore_names
from brewhouse.dockerfile.giturl import parse_git
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.errors import InputError
from brewhouse.system.confine import confine

_LARGEST_DOCKERFILE_BYTES = 16 << 20

FetchContext: TypeAlias = Callable[[str], Path]
"""Gives the folder of a repository, or the file behind a URL."""


class Context(msgspec.Struct, frozen=True):
    """A Dockerfile, its name for messages, the folder beside it if any, and the text of the .dockerignore in force.

    `source` is what the context came as where that was not a folder of the user's: a repository, a file.
    """

    dockerfile: bytes
    name: str
    folder: Path
    ignore: bytes
    source: Path | None = None


def read_context(source: str, file: str, stdin: IO[bytes], scratch: Path, remote: FetchContext) -> Context:
    """Return what `brewhouse build -f file source` means.

    `source` is a folder, an address for `remote`, or "-": standard input. A tar (plain or compressed) that comes from
    there is unpacked into `scratch`, anything else is a Dockerfile with an empty context. `file` is a path, relative to
    where the user is (to the context, where that is not a folder of the user's), a URL, "-" for standard input, or ""
    for the context's own Dockerfile. Raises InputError where something is not there.
    Source: docker build, "Build with -"; dockerui/config.go of moby/buildkit for `dockerfile` in lower case.
    """
    if source == file == "-":
        raise InputError("standard input cannot be both context and Dockerfile", hint="name a folder or a file")
    given = stdin
    if file.startswith(("http://", "https://")):
        given, file = BytesIO(_dockerfile_text(remote(file), file)), "-"
    if is_remote(source):
        found = remote(source)
        return msgspec.structs.replace(_from_remote(found, file, given, scratch), source=found)
    if source == "-":
        return _from_stdin(file, stdin, given, scratch)
    folder = Path(source)
    if not (source and folder.is_dir()):
        raise InputError(
            f"the build context `{source}` is not a folder", hint="name the folder that holds the Dockerfile"
        )
    if file == "-":
        return Context(given.read(), "Dockerfile", folder.resolve(), _ignore(folder, Path("Dockerfile")))
    return _from_folder(folder, Path(file) if file else _default_file(folder))


def _from_folder(folder: Path, path: Path) -> Context:
    try:
        text = _dockerfile_text(path, str(path))
    except FileNotFoundError:
        message = f"failed to read the Dockerfile `{path}`: no such file or directory"
        raise InputError(message, hint=_similar(path) or "name it: -f FILE") from None
    except IsADirectoryError:
        raise InputError(f"`{path}` is a folder, not a Dockerfile", hint="name the file: -f FILE") from None
    return Context(text, path.name, folder.resolve(), _ignore(folder, path))


def _dockerfile_text(path: Path, name: str) -> bytes:
    with path.open("rb") as opened:
        text = opened.read(_LARGEST_DOCKERFILE_BYTES + 1)
    if len(text) > _LARGEST_DOCKERFILE_BYTES:
        raise InputError(f"`{name}` is larger than {_LARGEST_DOCKERFILE_BYTES >> 20} MiB")
    return text


def is_remote(source: str) -> bool:
    """Tell whether a context is fetched: a repository, or a file behind a URL."""
    return source.startswith(("http://", "https://")) or parse_git(source, local=True) is not None


def _from_remote(found: Path, file: str, given: IO[bytes], scratch: Path) -> Context:
    if found.is_dir():
        return _from_foreign(found, file, given)
    return _from_file(found, "the file behind the URL", file, given, scratch)


def _from_stdin(file: str, stdin: IO[bytes], given: IO[bytes], scratch: Path) -> Context:
    content = scratch / "stdin"
    with content.open("wb") as opened:
        while chunk := stdin.read(1 << 20):
            opened.write(chunk)
    os.utime(content, (0, 0))  # nobody tells when it was changed
    found = _from_file(content, "standard input", file, given, scratch)
    return msgspec.structs.replace(found, source=content)


def _from_file(content: Path, what: str, file: str, given: IO[bytes], scratch: Path) -> Context:
    """Return the context in a tar, or a Dockerfile with an empty one."""
    from brewhouse.build.inputs.archive import is_archive, unpack_archive

    if not is_archive(content):
        if content.stat().st_size > _LARGEST_DOCKERFILE_BYTES:
            raise InputError(f"{what} is neither a tar nor a Dockerfile")
        folder = scratch / "empty"
        folder.mkdir()
        return Context(content.read_bytes(), "Dockerfile", folder.resolve(), b"")
    folder = scratch / "context"
    folder.mkdir()
    unpack_archive(content, folder)
    return _from_foreign(folder, file, given)


def _from_foreign(folder: Path, file: str, given: IO[bytes]) -> Context:
    """Return the context in a folder whose links are not the user's, so that none may lead out of it.

    A .dockerignore is for what lies with the user, not for repositories and tars. Source: MainContext of dockerui.
    """
    if file == "-":
        return Context(given.read(), "Dockerfile", folder.resolve(), b"")
    name = file or _default_file(folder).name
    try:
        found = _from_folder(folder, confine(folder, name))
    except InputError as error:
        raise InputError(error.message.replace(str(folder), "CONTEXT"), hint=error.hint) from error
    return msgspec.structs.replace(found, name=Path(name).name, ignore=b"")


def _default_file(folder: Path) -> Path:
    lower = folder / "dockerfile"
    return lower if lower.is_file() and not (folder / "Dockerfile").exists() else folder / "Dockerfile"


def _ignore(folder: Path, dockerfile: Path) -> bytes:
    """Return the ignore file's text: the one that belongs to this Dockerfile, else the context's."""
    own, common = ignore_names(dockerfile.name)
    for path in (dockerfile.parent / own, folder / common):
        if path.is_file():
            return path.read_bytes()
    return b""


def _similar(path: Path) -> str:
    found = [entry.name for entry in path.parent.iterdir() if entry.is_file()] if path.parent.is_dir() else []
    return did_you_mean(path.name, found).strip(" ()")
