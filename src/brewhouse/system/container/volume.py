"""Volumes of containers: what `-v` says, and the folder that a volume is."""

import os
import re
from pathlib import Path

import msgspec

from brewhouse.errors import BrewError, InputError
from brewhouse.model import Mount
from brewhouse.system.confine import confine
from brewhouse.system.run import run
from brewhouse.system.store.disk import new_folder
from brewhouse.system.store.layout import Layout

# Source: RestrictedNamePattern of moby/moby.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")

# How a target begins in an image for Windows.
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")

# What may follow the target; all but `ro` say what is so here anyway, or concern SELinux and macOS.
_OPTIONS = frozenset(
    {"ro", "rw", "z", "Z", "nocopy", "cached", "delegated", "consistent", "private", "rprivate", "slave", "rslave"}
)


class Volume(msgspec.Struct, frozen=True):
    """A path of the host, or a volume of the store by name, or one without a name, which is thrown away."""

    target: str
    path: str = ""
    name: str = ""
    read_only: bool = False
    copy: bool = True


def parse_volume(text: str, cwd: Path) -> Volume:
    r"""Return what `-v` means: "/host:/target", "./here:/target:ro", "name:/target", "/target", "/host:C:\target".

    Source: volumes/mounts/linux_parser.go of moby/moby, and docker/cli's handling of relative paths.
    """
    mend = "write -v [HOST-FOLDER|NAME:]/TARGET[:ro]"
    match _parts(text):
        case [target]:
            source = options = ""
        case [source, target]:
            options = ""
        case [source, target, options]:
            pass
        case _:
            raise InputError(f"`{text}` is not a volume", hint=mend)
    words = {word for word in options.split(",") if word}
    if not (target.startswith("/") or _DRIVE.match(target)) or target == "/" or words - _OPTIONS:
        raise InputError(f"`{text}` is not a volume", hint=mend)
    read_only, copy = "ro" in words, "nocopy" not in words
    if source.startswith((".", "~")):
        source = os.path.normpath(cwd / Path(source).expanduser())
    if source.startswith("/"):
        return Volume(target, path=source, read_only=read_only)
    if source and not _NAME.fullmatch(source):
        raise InputError(f"`{source}` in `{text}` is neither a path nor a name of a volume", hint=mend)
    return Volume(target, name=source, read_only=read_only, copy=copy)


def _parts(text: str) -> list[str]:
    """Return what colons part, but for the one behind a drive's letter."""
    parts = text.split(":")
    for at in range(len(parts) - 1):
        if _DRIVE.fullmatch(f"{parts[at]}:{parts[at + 1][:1]}"):
            return [*parts[:at], f"{parts[at]}:{parts[at + 1]}", *parts[at + 2 :]]
    return parts


def open_volume(volume: Volume, root: Path, layout: Layout) -> Mount:
    """Return the mount of a volume, its folder made if it is new.

    A new volume of the store, unlike a path of the host, begins with what the image has at its target, as Docker does.
    """
    if volume.path:
        folder = Path(volume.path)
        if not folder.exists():
            folder.mkdir(parents=True)
        return Mount(volume.target, str(folder), read_only=volume.read_only)
    folder = layout.volumes / volume.name if volume.name else new_folder(layout.tmp, "volume")
    if not folder.exists() or not volume.name:
        _fill(folder, confine(root, volume.target) if volume.copy else None)
    return Mount(volume.target, str(folder), read_only=volume.read_only)


def _fill(folder: Path, source: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    if source and source.is_dir():
        copied = run(["cp", "-a", "--", f"{source}/.", folder])
        if copied.status != 0:
            raise BrewError(f"cannot fill the volume {folder}: {copied.stderr.decode(errors='replace').strip()}")
