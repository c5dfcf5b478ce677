"""A stand-in for Windows to put images on: layers and documents of the right shape, and not one file of Microsoft's.

python -m tests.support.windows_base DIR      writes it as an OCI layout, with both releases of Windows Server Core
"""

import sys
from pathlib import Path

from brewhouse.build.layer import Member, pack_members
from brewhouse.model import Image
from brewhouse.oci.document import (
    CONFIG,
    MANIFEST,
    ContainerConfig,
    History,
    ImageConfig,
    Manifest,
    RootFS,
    write_document,
)
from brewhouse.system.store.layout import Layout, open_layout
from brewhouse.system.windows.entries import root_entries, windows_entry

NAME = "mcr.microsoft.com/windows/servercore"
NANO_NAME = "mcr.microsoft.com/windows/nanoserver"
RELEASES = {"ltsc2025": "10.0.26100.33438", "ltsc2022": "10.0.20348.5622"}
_CREATED = "2026-08-11T00:00:00Z"
_HIVES = ("DEFAULT", "SAM", "SECURITY", "SOFTWARE", "SYSTEM")


def make_base(folder: Path) -> None:
    """Write the layout; it is the same every time."""
    with open_layout(folder) as layout:
        for tag, os_version in RELEASES.items():
            for name in (NAME, NANO_NAME):
                image = _image(layout, name, os_version)
                layout.tag([f"{name}:{tag}"], image.descriptor)


def _image(layout: Layout, name: str, os_version: str) -> Image:
    layers = [
        pack_members(_applied(f"{name} {os_version}"), layout),
        pack_members(_updated(os_version), layout),
    ]
    config = write_document(
        ImageConfig(
            "amd64",
            "windows",
            created=_CREATED,
            config=ContainerConfig(user="ContainerUser" if name == NANO_NAME else ""),
            os_version=os_version,
            rootfs=RootFS(diff_ids=tuple(layer.diff_id for layer in layers)),
            history=(
                History(_CREATED, f"Apply image {os_version.rpartition('.')[0]}.1"),
                History(_CREATED, f"Install update {os_version}"),
            ),
        )
    )
    descriptors = tuple(layer.descriptor for layer in layers)
    return layout.write_image(
        config, write_document(Manifest(2, config.descriptor(CONFIG), descriptors, media_type=MANIFEST))
    )


def _applied(text: str) -> list[Member]:
    """Return what a first layer must hold, with empty hives."""
    folders = ("Users", "Windows", "Windows/System32", "Windows/System32/config")
    entries = [*root_entries(0), *(windows_entry(name, "directory", mtime_ns=0) for name in folders)]
    files = {f"Windows/System32/config/{name}": b"" for name in _HIVES} | {"License.txt": text.encode()}
    return [*map(Member, entries), *(_file(name, content) for name, content in files.items())]


def _updated(text: str) -> list[Member]:
    entries = [*root_entries(0), windows_entry("Windows", "directory", mtime_ns=0)]
    return [*map(Member, entries), _file("Windows/update.txt", text.encode())]


def _file(name: str, content: bytes) -> Member:
    return Member(windows_entry(name, "file", mtime_ns=0, size=len(content)), content)


if __name__ == "__main__":
    make_base(Path(sys.argv[1]))
