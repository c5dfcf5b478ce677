"""The files of images as results of a build: a tar, or a folder of the host.

Source: exporter/local/fs.go of moby/buildkit.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from brewhouse.build.files.copy import Manner, Owner, Target
from brewhouse.build.files.walk import Choice, Item, Selection, Tree
from brewhouse.build.image import Made
from brewhouse.build.layer import Member, tar_stream, walk_upper
from brewhouse.build.reading import full_name
from brewhouse.build.results.attestation import statement
from brewhouse.build.results.output import Output
from brewhouse.errors import InputError
from brewhouse.model import Image, Layer
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import ImageConfig
from brewhouse.system.archive.tar import SECOND_NS, Entry
from brewhouse.system.confine import confine
from brewhouse.system.overlay import overlay
from brewhouse.system.store.disk import disk_error, new_folder, remove_tree
from brewhouse.system.store.layout import Layout
from brewhouse.system.store.snapshot import Snapshots, image_layers

# Who takes part of the build's result out of the store owns it: in our namespaces 0 is whoever called us.
_CALLER = Owner(0, 0)
_STATEMENT_MODE = 0o600


def files_tar(made: Sequence[Made], output: Output, layout: Layout) -> Iterator[bytes]:
    """Yield the pieces of a tar with the files of the images, owners kept; each platform in a folder of its own.

    Raises InputError where platforms that share one folder have a file of the same name.
    """
    _refuse_doubles(made, output, layout)
    yield from tar_stream(_members(made, output, layout))


def _refuse_doubles(made: Sequence[Made], output: Output, layout: Layout) -> None:
    """Raise InputError, in BuildKit's words, for a file that two platforms have and only one could keep."""
    found: dict[str, str] = {}
    for build in made if len(made) > 1 and not _is_split(made, output) else ():
        platform = full_name(build.platform)
        with show_image(build.image, layout) as root:
            for name in (member.entry.name for member in walk_upper(root) if member.entry.kind != "directory"):
                if name in found:
                    problem = (
                        f"cannot overwrite {name} from {found[name]} with {platform} when split option is disabled"
                    )
                    raise InputError(problem, hint="leave out platform-split=false")
                found[name] = platform


def _members(made: Sequence[Made], output: Output, layout: Layout) -> Iterator[Member]:
    for build in made:
        prefix = _folder_name(build) if _is_split(made, output) else ""
        if prefix:
            yield Member(_at_epoch(Entry(prefix, "directory", 0o755), build))
        with show_image(build.image, layout) as root:
            for member in walk_upper(root):
                yield msgspec.structs.replace(member, entry=_at_epoch(_below(prefix, member.entry), build))
            for name, content in _statements(build, made, output, root):
                entry = Entry(name, mode=_STATEMENT_MODE, size=len(content))
                yield Member(_at_epoch(_below(prefix, entry), build), content)


def _below(prefix: str, entry: Entry) -> Entry:
    """Return an entry below a folder; hard links go by the whole name."""
    if not prefix:
        return entry
    linkname = f"{prefix}/{entry.linkname}" if entry.kind == "link" else entry.linkname
    return msgspec.structs.replace(entry, name=f"{prefix}/{entry.name}", linkname=linkname)


def _at_epoch(entry: Entry, build: Made) -> Entry:
    """Return an entry with SOURCE_DATE_EPOCH for its time, where that is given."""
    return entry if build.epoch is None else msgspec.structs.replace(entry, mtime_ns=build.epoch * SECOND_NS)


def write_files(made: Sequence[Made], output: Output, layout: Layout) -> None:
    """Copy the files of the images into the output's folder, over what is there; they belong to the caller.

    Raises InputError where a file stands in the way of a folder, and as `files_tar` does; HostError where the folder
    cannot be written.
    """
    _refuse_doubles(made, output, layout)
    place = Path(output.destination)
    try:
        if output.is_mirror:
            members = _members(made, output, layout)
            _remove_others(place, {member.entry.name: member.entry.kind == "directory" for member in members})
        for build in made:
            folder = place / _folder_name(build) if _is_split(made, output) else place
            folder.mkdir(parents=True, exist_ok=True)
            with show_image(build.image, layout) as root:
                items = Selection(Tree(root), root, Choice())
                Target(folder, Manner(_CALLER)).put(items, folder)
                for name, content in _statements(build, made, output, root):
                    file = confine(folder, name)
                    file.write_bytes(content)
                    file.chmod(_STATEMENT_MODE)
                    if build.epoch is not None:
                        os.utime(file, (build.epoch, build.epoch))
                if build.epoch is not None:
                    _set_times(folder, items, build.epoch)
    except OSError as error:
        raise disk_error(error, place) from error


def _remove_others(place: Path, kept: Mapping[str, bool]) -> None:
    """Remove what is below `place` but the names in `kept`, which tell whether they are folders; no link is followed.

    Source: `mode=delete` of the local exporter in moby/buildkit.
    """
    for folder, folders, files in os.walk(place):
        for name in (*folders, *files):
            path = Path(folder, name)
            is_folder = path.is_dir() and not path.is_symlink()
            if kept.get(str(path.relative_to(place))) is not is_folder:
                remove_tree(path)
                if name in folders:
                    folders.remove(name)


def _statements(build: Made, made: Sequence[Made], output: Output, root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the attestations that stand beside the files, by name, each about all regular files."""
    wanted = [attestation for attestation in build.attestations if attestation.file]
    subjects = dict(_digests(root)) if wanted else {}
    for attestation in wanted:
        base, dot, extension = attestation.file.partition(".")
        platform = f".{_folder_name(build)}" if len(made) > 1 and not _is_split(made, output) else ""
        content = msgspec.json.format(statement(attestation, subjects), indent=2)
        yield f"{output.attestation_prefix}{base}{platform}{dot}{extension}", content


def _digests(root: Path) -> Iterator[tuple[str, Digest]]:
    for member in walk_upper(root):
        if member.entry.kind in ("file", "link"):
            with (root / member.entry.name).open("rb") as file:
                yield member.entry.name, Digest(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")


def _set_times(folder: Path, items: Iterable[Item], epoch: int) -> None:
    for item in items:
        os.utime(folder / item.name, (epoch, epoch), follow_symlinks=False)


def _is_split(made: Sequence[Made], output: Output) -> bool:
    return len(made) > 1 if output.split is None else output.split


def _folder_name(build: Made) -> str:
    """Return how BuildKit calls the folder of a platform: "linux_amd64", "linux_arm_v7"."""
    return full_name(build.platform).replace("/", "_")


def show_image(image: Image, layout: Layout) -> AbstractContextManager[Path]:
    """Show the root file system of an image as `show_root` does."""
    return show_root(image.config.value, image_layers(image), layout)


def show_root(config: ImageConfig, layers: Sequence[Layer], layout: Layout) -> AbstractContextManager[Path]:
    """Show the root file system that layers make, base first, read-only, during the block.

    Of Windows, which `config` tells, that is drive C:, without Windows itself.
    """
    if config.os != "windows":
        return _show(Snapshots(layout).stack(layers), layout)
    from brewhouse.system.windows.drive import Drives, count_windows_layers

    return _show(Drives(layout, None).stack(layers[count_windows_layers(config) :]), layout)


@contextmanager
def _show(lowers: Sequence[Path], layout: Layout) -> Iterator[Path]:
    mountpoint = new_folder(layout.tmp, "export")
    if not lowers:
        yield mountpoint
        return
    with overlay(lowers, None, None, mountpoint):
        yield mountpoint
