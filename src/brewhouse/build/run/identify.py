"""What the mounts of RUN are known by in keys of steps, without opening any.

Source: getMountDeps of solver/llbsolver/ops in moby/buildkit.
"""

import posixpath
from collections.abc import Sequence

import msgspec

from brewhouse.build.cache.steps import chain_key
from brewhouse.build.files.content import Room, content_digest
from brewhouse.build.files.select import select
from brewhouse.build.files.walk import Choice, Selection
from brewhouse.build.graph import Scratch
from brewhouse.build.site import Site
from brewhouse.build.workshop import inside
from brewhouse.dockerfile.instruction import Mount
from brewhouse.model import Image


class Identities(msgspec.Struct, frozen=True):
    """What mounts are known by in a step's definition, and, as `own`, without stages and images.

    With `is_volatile` files of the user's are among it.
    """

    rows: list[object]
    own: list[object]
    is_volatile: bool


def identify_mounts(site: Site, wanted: Sequence[Mount]) -> Identities:
    """Return what mounts add to a step's definition: files of the user's by content, stages by how they came to be.

    What caches and secrets hold does not count.
    """
    rows: list[object] = []
    own: list[object] = []
    is_volatile = False
    for mount in wanted:
        origin = site.origin(mount.from_)
        row: list[object] = [msgspec.to_builtins(msgspec.structs.replace(mount, from_=""))]
        identity = ""
        if _reads_files(mount) and isinstance(origin, int | Image | Scratch):
            identity = site.identity(origin)
        elif _reads_files(mount):
            with site.tree(origin) as tree:
                row.append(_content(site, select(tree, mount.source or "/", Choice())))
            is_volatile = True
        rows.append([*row, identity])
        own.append(row)
    return Identities(rows, own, is_volatile)


def read_mounts(site: Site, wanted: Sequence[Mount]) -> list[object] | None:
    """Return what stands for the files that mounts show of stages and images, None where they show none.

    All of a root file system is known by its layers: to read it would take longer than many commands.
    """
    rows: list[object] = []
    for mount in wanted:
        origin = site.origin(mount.from_)
        if not _reads_files(mount) or not isinstance(origin, int | Image):
            continue
        if mount.type == "cache" or not has_source(mount):
            rows.append(chain_key(site.layers(origin)))
            continue
        with site.tree(origin) as tree:
            inside(tree, mount.source)
            rows.append(_content(site, select(tree, mount.source, Choice())))
    return rows or None


def stages_of(site: Site, wanted: Sequence[Mount]) -> frozenset[int]:
    """Return the stages that mounts show."""
    return frozenset(origin for mount in wanted if isinstance(origin := site.origin(mount.from_), int))


def has_source(mount: Mount) -> bool:
    """Tell whether a part of what is mounted is wanted, not all of it."""
    return posixpath.normpath(f"/{mount.source}").strip("/") != ""


def _reads_files(mount: Mount) -> bool:
    return mount.type == "bind" or (mount.type == "cache" and mount.from_ != "")


def _content(site: Site, items: Selection) -> str:
    return content_digest(items, site.shop.files, Room(site.shop.layout.tmp))
