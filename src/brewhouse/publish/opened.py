"""`copy` from anywhere to anywhere: locations opened as a source, or as a target that is whole when the block ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import assert_never

import msgspec

from brewhouse.errors import HostError, InputError
from brewhouse.oci.document import INDEX, INDEX_TYPES, REF_NAME, Descriptor, Index
from brewhouse.oci.platform import Platform
from brewhouse.oci.reference import Reference, parse_reference
from brewhouse.publish.bases import Bases
from brewhouse.publish.copy import Copied, copy_tree
from brewhouse.publish.ends import (
    LayoutSource,
    LayoutTarget,
    RegistryTarget,
    Source,
    Target,
    partial_folder,
    registry_source,
)
from brewhouse.publish.location import Location
from brewhouse.publish.tree import Tree, check_image, read_tree
from brewhouse.system.progress.log import Progress
from brewhouse.system.registry.registries import Registries
from brewhouse.system.store.catalog import Stored, find_stored
from brewhouse.system.store.disk import disk_error, new_name, remove_tree, whole_file, write_file
from brewhouse.system.store.layout import LAYOUT_MARKER, Layout
from brewhouse.system.store.load import load_images
from brewhouse.system.store.save import CONTAINERD_NAME, Form, save_images

_TEMPORARY = ".brewhouse-"


def copy_image(
    source: Location,
    target: Location,
    platform: Platform | None,
    layout: Layout,
    registries: Registries,
    progress: Progress,
) -> Copied:
    """Copy an image from anywhere to anywhere; for one platform, or an index with all it holds where that is None."""
    with open_source(source, layout, registries) as opened:
        tree = read_tree(opened, platform)
        _check_fits(tree, opened, target)
        with open_target(target, layout, registries) as end:
            return copy_tree(tree, opened, end, progress)


def _check_fits(tree: Tree, source: Source, target: Location) -> None:
    """Raise InputError for what the target has no place for: a store has images only, a docker-archive no indexes."""
    if tree.descriptor.media_type not in INDEX_TYPES:
        if target.kind in ("docker-archive", "store"):
            check_image(tree, source)
    elif target.kind == "docker-archive":
        mend = "leave out --all, or write to oci-archive:FILE"
        raise InputError("a docker-archive has no indexes: its images are for one platform each", hint=mend)


@contextmanager
def open_source(location: Location, store: Layout, registries: Registries) -> Iterator[Source]:
    """Give what is at a location; raises InputError where nothing is."""
    match location.kind:
        case "registry":
            yield registry_source(_reference(location), registries)
        case "store":
            yield LayoutSource(store, find_stored(store, location.name).entry, Bases(store, registries))
        case "oci":
            with open_folder(location.path, is_new=False) as layout:
                yield LayoutSource(layout, find_entry(layout, location.name, location.text))
        case "oci-archive" | "docker-archive":
            with _temporary_layout(store) as layout:
                _load(location.path, layout)
                yield LayoutSource(layout, find_entry(layout, location.name, location.text))
        case _:
            assert_never(location.kind)


@contextmanager
def open_target(location: Location, store: Layout, registries: Registries) -> Iterator[Target]:
    """Give a location to write to; archives appear when the block has ended well."""
    match location.kind:
        case "registry":
            reference = _reference(location)
            if reference.digest:
                raise InputError(f"`{location.text}` has a digest, which is not for us to choose", hint="write a tag")
            yield RegistryTarget(registries.origin(reference), reference.tag)
        case "store":
            reference = parse_reference(location.name)
            yield LayoutTarget(store, [str(reference)], partial_folder(store))
        case "oci":
            with open_folder(location.path, is_new=True) as layout:
                yield LayoutTarget(layout, [location.name] if location.name else [])
        case "oci-archive" | "docker-archive":
            with _temporary_layout(store) as layout:
                names = [str(parse_reference(location.name))] if location.name else []
                yield LayoutTarget(layout, names)
                _save(layout, names, location.path, location.kind)
        case _:
            assert_never(location.kind)


def find_entry(layout: Layout, name: str, where: str) -> Descriptor:
    """Return the entry of a foreign layout with this name, or its only one; raises InputError with what there is."""
    entries = layout.index().manifests
    found = [entry for entry in entries if name in _names(entry)] if name else list(entries)
    if len({entry.digest for entry in found}) == 1:
        return found[0]
    names = ", ".join(sorted({entry.annotations[REF_NAME] for entry in entries if REF_NAME in entry.annotations}))
    problem = "holds several images" if found else f"has no image `{name}`" if name else "is empty"
    raise InputError(f"{where} {problem}", hint=f"names in it: {names}" if names else "")


@contextmanager
def open_folder(root: Path, *, is_new: bool) -> Iterator[Layout]:
    """Open a layout that is nobody's store: nothing but the layout's own files is left there."""
    layout = Layout(root.absolute())
    layout.tmp = layout.root / f"{_TEMPORARY}{new_name()}"
    if not is_new:
        if not (layout.root / "index.json").is_file():
            raise InputError(f"{root} is not an OCI image layout", hint="a layout has oci-layout, index.json and blobs")
        yield layout
        return
    try:
        layout.blobs.mkdir(parents=True, exist_ok=True)
        with _held(layout.root):
            layout.tmp.mkdir()
            try:
                if not (layout.root / "index.json").exists():
                    write_file(layout.root / "oci-layout", LAYOUT_MARKER, tmp=layout.tmp)
                    empty = msgspec.json.encode(Index(2, (), media_type=INDEX))
                    write_file(layout.root / "index.json", empty, tmp=layout.tmp)
                yield layout
            finally:
                remove_tree(layout.tmp)
    except OSError as error:
        raise disk_error(error, root) from error


@contextmanager
def _held(root: Path) -> Iterator[None]:
    """Hold a lock on a folder during the block; what is not the layout's own goes as soon as nobody else is there."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _clear(root, folder)
        with suppress(OSError):
            fcntl.flock(folder, fcntl.LOCK_SH)
        yield
        _clear(root, folder)
    finally:
        os.close(folder)


def _clear(root: Path, folder: int) -> None:
    """Remove what killed processes left in a folder, unless others hold it, or its file system has no locks."""
    with suppress(OSError):
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in root.glob(f"{_TEMPORARY}*"):
            remove_tree(path)
        (root / "index.lock").unlink(missing_ok=True)


@contextmanager
def _temporary_layout(store: Layout) -> Iterator[Layout]:
    root = store.tmp / new_name()
    try:
        with open_folder(root, is_new=True) as layout:
            yield layout
    finally:
        remove_tree(root)


def _load(path: Path, layout: Layout) -> None:
    try:
        with path.open("rb") as file:
            load_images(file, str(path), layout)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _save(layout: Layout, names: list[str], path: Path, form: Form) -> None:
    """Write the archive, which appears when it is whole."""
    entries = layout.index().manifests
    found = find_stored(layout, names[0] if names else entries[0].digest)
    try:
        with whole_file(path) as file:
            file.writelines(save_images([Stored(found.entry, tuple(names), found.image)], layout, form))
    except OSError as error:
        raise HostError(f"cannot write {path}: {error.strerror}", hint="choose another file") from error


def _names(entry: Descriptor) -> set[str]:
    """Return by which names an entry may be asked for: as it is written, in Docker's short form, and containerd's."""
    names = {entry.annotations.get(key, "") for key in (REF_NAME, CONTAINERD_NAME)} - {""}
    short = set()
    for name in names:
        try:
            short.add(str(parse_reference(name)))
        except InputError:
            continue
    return names | short


def _reference(location: Location) -> Reference:
    assert location.reference is not None  # noqa: S101 - parse_location gives one to registries
    return location.reference
