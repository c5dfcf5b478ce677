"""The builder: a Debian suite, from a mirror to an image of one layer in the store.

    cache/debian/trees/<id>     configured roots, shared by the variants of a suite
    cache/debian/images/<id>    which image was made from a lock, variant and mirror

An equal id gives an equal image, so that a second run has nothing to do.
"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

import brewhouse
from brewhouse.build.clamp import Clamp
from brewhouse.build.debian.choose import DebianSettings, choose_mirror, choose_packages
from brewhouse.build.debian.configure import configure_all
from brewhouse.build.debian.database import write_database
from brewhouse.build.debian.deb import open_deb
from brewhouse.build.debian.lock import Lock, wanted_file
from brewhouse.build.debian.tidy import tidy
from brewhouse.build.debian.unpack import unpack_all
from brewhouse.build.debian.variant import make_variant
from brewhouse.build.layer import pack_layer
from brewhouse.errors import FetchError, StoreError
from brewhouse.model import Image, Layer
from brewhouse.oci.digest import Digest, digest_of, hex_part
from brewhouse.oci.document import (
    CONFIG,
    MANIFEST,
    ContainerConfig,
    Descriptor,
    History,
    ImageConfig,
    Manifest,
    RootFS,
    write_document,
)
from brewhouse.oci.platform import PLATFORMS, Arch
from brewhouse.system.archive.tar import SECOND_NS
from brewhouse.system.machine import require_programs_of
from brewhouse.system.network.http import fetch_all
from brewhouse.system.progress.log import Progress, Step
from brewhouse.system.sources import Mirror
from brewhouse.system.store.disk import new_folder, remove_tree, write_file
from brewhouse.system.store.layout import Layout
from brewhouse.system.store.snapshot import Snapshots

# To be raised with every change that makes another image of the same lock.
BUILDER = 1

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def build_debian(settings: DebianSettings, layout: Layout, progress: Progress) -> Image:
    """Return the image of a Debian suite, made unless the store has it already.

    The process must be in its namespaces (`enter_namespace`). Raises IntegrityError for a changed index or package with
    its name, HostError where the machine lacks something, BuildError where a package cannot be configured.
    """
    mirror = choose_mirror(settings)
    lock = choose_packages(settings, mirror, layout, progress)
    record = layout.cache / "debian/images" / hex_part(build_id(lock, mirror, slim=settings.slim))
    name = f"debian {settings.suite}{'-slim' if settings.slim else ''} {lock.architecture}"
    if image := _known_image(record, layout):
        with progress.step(name) as step:
            step.cached()
        return image
    require_programs_of(settings.arch)
    tree = _configured_tree(lock, mirror, layout, progress)
    with progress.step(f"{name}: pack") as step:
        layer = _pack_variant(tree, lock, mirror, layout, slim=settings.slim)
        image = _write_image(layer, lock, settings, layout)
        record.parent.mkdir(parents=True, exist_ok=True)
        write_file(record, msgspec.json.encode(image.descriptor), tmp=layout.tmp)
        step.note(f"{layer.descriptor.size / 1e6:.1f} MB compressed, {image.descriptor.digest}")
    return image


def build_id(lock: Lock, mirror: Mirror, *, slim: bool) -> Digest:
    """Return what stands for all that goes into an image; the mirror does, since the image's apt uses it."""
    return digest_of(msgspec.json.encode([BUILDER, brewhouse.__version__, lock, mirror, slim]))


def image_config(layer: Layer, lock: Lock, arch: Arch, *, slim: bool) -> ImageConfig:
    """Return the config of the image, with what Docker's debian images have in theirs."""
    created = _timestamp(lock.epoch)
    platform = PLATFORMS[arch]
    suite = f"{lock.suite}-slim" if slim else lock.suite
    made_by = f"# brewhouse debian --arch '{lock.architecture}' '{suite}' '@{lock.epoch}'"
    return ImageConfig(
        architecture=platform.architecture,
        os=platform.os,
        created=created,
        variant=platform.variant,
        config=ContainerConfig(env=(f"PATH={_PATH}",), entrypoint=(), cmd=("bash",)),
        rootfs=RootFS(diff_ids=(layer.diff_id,)),
        history=(History(created, made_by, comment=f"brewhouse {brewhouse.__version__}"),),
    )


def _known_image(record: Path, layout: Layout) -> Image | None:
    """Return the image that was made before, if all of it is still in the store."""
    try:
        image = layout.image(msgspec.json.decode(record.read_bytes(), type=Descriptor))
    except (FileNotFoundError, msgspec.DecodeError, StoreError):
        return None
    return image if all(layout.has_blob(layer.digest) for layer in image.manifest.value.layers) else None


def _configured_tree(lock: Lock, mirror: Mirror, layout: Layout, progress: Progress) -> Path:
    """Return the root with all packages configured, from the cache or made; nobody may write into it."""
    tree = layout.cache / "debian/trees" / hex_part(digest_of(msgspec.json.encode([BUILDER, lock])))
    if tree.is_dir():
        return tree
    name = f"debian {lock.suite} {lock.architecture}"
    with progress.step(f"{name}: fetch {len(lock.packages)} packages") as step:
        files = _fetch(lock, mirror, layout, step)
    work = new_folder(layout.tmp, "debian")
    root, state = work / "root", work / "state"
    for folder in (root, state):
        folder.mkdir()
    with progress.step(f"{name}: unpack") as step:
        packages = unpack_all([open_deb(file) for file in files], root, step.advance)
        write_database(packages, root)
    with progress.step(f"{name}: configure") as step:
        configure_all(packages, root, lock.epoch, state=state, step=step)
        tidy(root, lock)
    tree.parent.mkdir(parents=True, exist_ok=True)
    try:
        root.rename(tree)
    except OSError:
        if not tree.is_dir():  # else another process was faster
            raise
    remove_tree(work)
    return tree


def _fetch(lock: Lock, mirror: Mirror, layout: Layout, step: Step) -> list[Path]:
    try:
        return fetch_all([wanted_file(package, mirror) for package in lock.packages], layout.downloads, step.advance)
    except FetchError as error:
        mend = (
            "mirrors drop packages when newer ones come: choose again with --update, or name a mirror that keeps them"
        )
        raise FetchError(error.message, hint=mend) from error


def _pack_variant(tree: Path, lock: Lock, mirror: Mirror, layout: Layout, *, slim: bool) -> Layer:
    """Return the layer of a variant; its tree becomes the layer's snapshot."""
    root = new_folder(layout.tmp, "debian") / "root"
    make_variant(tree, root, lock, mirror, slim=slim)
    layer = pack_layer(root, layout, clamp=Clamp(lock.epoch, lock.epoch * SECOND_NS))
    Snapshots(layout).adopt(layer.diff_id, root)
    return layer


def _write_image(layer: Layer, lock: Lock, settings: DebianSettings, layout: Layout) -> Image:
    config = write_document(image_config(layer, lock, settings.arch, slim=settings.slim))
    manifest = Manifest(2, config.descriptor(CONFIG), (layer.descriptor,), media_type=MANIFEST)
    return layout.write_image(config, write_document(manifest))


def _timestamp(epoch: int) -> str:
    """Return seconds since 1970 as RFC 3339."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
