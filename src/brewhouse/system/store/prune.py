"""What no name of the store reaches, removed: all of it, or what was not used for long, until little enough is left.

Leftovers of killed processes are no matter of this: opening a store removes them.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from brewhouse.errors import InputError
from brewhouse.oci.digest import Digest, hex_part
from brewhouse.oci.document import REF_NAME, Index
from brewhouse.system.store.disk import free_bytes, new_name, remove_tree
from brewhouse.system.store.layout import Layout, alone
from brewhouse.system.store.reach import reached
from brewhouse.system.store.usage import Item, cached_digests, list_items, total_bytes

# What a filter may ask for, mostly by BuildKit's names.
KINDS = {
    "image": ("image",),
    "regular": ("image", "blob", "snapshot", "record", "build cache"),
    "exec.cachemount": ("cache mount",),
    "source.git.checkout": ("git checkout",),
    "download": ("download",),
}
_SHORTEST_ID = 4


class Selector(msgspec.Struct, frozen=True):
    """A filter that is no plain `=`: "id~=^/root", "type!=image", "inuse=false"."""

    key: Literal["id", "type", "inuse"]
    operator: Literal["=", "!=", "~="]
    value: str


class Policy(msgspec.Struct, frozen=True):
    """What of the garbage goes: what was last used `before` a time (seconds since 1970), until `keep_bytes` are left.

    Then so much goes that the disk has `free_bytes` free; but `reserved_bytes` stay in any case. `ids` and `kinds`
    choose among the garbage, where they are not empty, and all `selectors` must fit; downloads go only with
    `downloads`, or by kind.
    """

    downloads: bool = False
    before: float | None = None
    keep_bytes: int | None = None
    ids: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    free_bytes: int | None = None
    reserved_bytes: int | None = None
    selectors: tuple[Selector, ...] = ()


ALL = Policy()


def find_garbage(layout: Layout, policy: Policy = ALL) -> list[Item]:
    """Return what can go because no name reaches it and `policy` gives it up, in the order in which it must go."""
    return choose(list_items(layout, later_than=policy.before), policy, free_bytes(layout.root))


def choose(items: Sequence[Item], policy: Policy, free: int = 0) -> list[Item]:
    """Return those of `items` that go by `policy`: with a limit the ones unused for longest, as few as will do.

    `free` are the bytes that the disk has left.

    With a blob all images without a name go, since one of them may need it.
    """
    candidates = selected(items, policy)
    doomed = {item for item in candidates if policy.before is None or item.used <= policy.before}
    total = total_bytes(candidates)
    kept = _kept_bytes(policy, total, free)
    if kept is not None:
        doomed = _oldest(doomed, total - kept)
    breaks_images = any(item.kind == "blob" for item in doomed)
    return [item for item in items if item in doomed or (breaks_images and item.kind == "image")]


def selected(items: Sequence[Item], policy: Policy) -> list[Item]:
    """Return those of `items` that the ids and kinds of a policy choose."""
    return [item for item in items if _is_meant(item, policy)]


def _kept_bytes(policy: Policy, total: int, free: int) -> int | None:
    """Return how much of `total` may stay, or None where nothing limits it.

    Source: calculateKeepBytes of cache/manager.go in moby/buildkit.
    """
    limits = [policy.keep_bytes] if policy.keep_bytes is not None else []
    limits += [total - max(0, policy.free_bytes - free)] if policy.free_bytes is not None else []
    if not limits and policy.reserved_bytes is None:
        return None
    return max(min(limits, default=0), policy.reserved_bytes or 0)


def _oldest(items: Iterable[Item], size_bytes: int) -> set[Item]:
    """Return the items that were unused for longest, as many as free `size_bytes`."""
    chosen: set[Item] = set()
    for item in sorted(items, key=lambda item: (item.used, item.kind, item.name)):
        if size_bytes <= 0:
            break
        size_bytes -= item.size_bytes
        chosen.add(item)
    return chosen


def _is_meant(item: Item, policy: Policy) -> bool:
    if not all(_fits(item, selector) for selector in policy.selectors):
        return False
    if policy.ids and not any(_is_called(item, name) for name in policy.ids):
        return False
    if policy.kinds:
        return item.kind in policy.kinds
    return policy.downloads or bool(policy.ids) or item.kind != "download"


def _fits(item: Item, selector: Selector) -> bool:
    if selector.key == "inuse":
        return item.reclaimable is (selector.value == "false")
    names = [item.name] if selector.key == "id" else [name for name, kinds in KINDS.items() if item.kind in kinds]
    if selector.operator == "~=":
        return any(re.search(selector.value, name) for name in names)
    if selector.key == "id":
        return not _is_called(item, selector.value)
    return selector.value not in names


def _is_called(item: Item, name: str) -> bool:
    """Tell whether an id is the item's: the whole name, or the beginning of a digest."""
    return item.name.strip("/") == name.strip("/") or (
        len(name) >= _SHORTEST_ID and not name.strip("0123456789abcdef") and item.name.startswith(name)
    )


def remove_garbage(layout: Layout, policy: Policy = ALL) -> list[Item]:
    """Remove what `find_garbage` finds, and return it; raises InputError where another process uses the store.

    Killed at any moment, it leaves a whole store: entries go before what they reach, and folders by rename.
    """
    with alone(layout):
        found = find_garbage(layout, policy)
        gone = {Digest(f"sha256:{item.name}") for item in found if item.kind == "image"}
        layout.change_index(lambda index: _without_nameless(index, gone))
        for item in found:
            for path in item.paths:
                _remove(layout, path)
    return found


def remove_images(layout: Layout, digests: Iterable[Digest]) -> None:
    """Remove entries of the index with all their names, and what only they reach.

    What the build cache names stays for the next build, until `prune`. Where another process uses the store, all but
    the entries stays until then.
    """
    gone = set(digests)
    before = reached(layout, [entry for entry in layout.index().manifests if entry.digest in gone])

    def change(index: Index) -> Index:
        kept = tuple(entry for entry in index.manifests if entry.digest not in gone)
        return msgspec.structs.replace(index, manifests=kept)

    layout.change_index(change)
    with suppress(InputError), alone(layout):
        after = reached(layout, layout.index().manifests)
        cached = cached_digests(layout)
        for digest in sorted(before.snapshots - after.snapshots - cached):
            _remove(layout, layout.snapshots / hex_part(digest))
        for digest in sorted(before.blobs - after.blobs - cached):
            _remove(layout, layout.blob_path(digest))


def _without_nameless(index: Index, gone: set[Digest]) -> Index:
    kept = tuple(entry for entry in index.manifests if REF_NAME in entry.annotations or entry.digest not in gone)
    return msgspec.structs.replace(index, manifests=kept)


def _remove(layout: Layout, path: Path) -> None:
    """Remove a file or a folder, by renaming it first: half a folder must not be met under its name."""
    doomed = layout.tmp / new_name()
    with suppress(FileNotFoundError):
        path.rename(doomed)
        remove_tree(doomed) if doomed.is_dir() and not doomed.is_symlink() else doomed.unlink()
