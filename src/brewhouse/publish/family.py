"""A family published: complete or not at all, its tags last."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from brewhouse.errors import BrewError, InputError, RegistryError
from brewhouse.oci.digest import Digest
from brewhouse.oci.reference import Reference
from brewhouse.publish.copy import Copied, put_tree
from brewhouse.publish.ends import RegistryTarget, Source
from brewhouse.publish.plan import Move, Put, immutable_put, plan_moves
from brewhouse.publish.tree import Tree
from brewhouse.system.progress.log import Progress
from brewhouse.system.registry.registries import Registries

# Requests for tags are small, and wait more than they work.
_PARALLEL = 16


def find_moves(puts: Sequence[Put], registries: Registries) -> list[Move]:
    """Return which tags of `puts` do not stand for what they should."""
    names = [msgspec.structs.replace(put.repository, tag=tag) for put in puts for tag in put.tags]
    return plan_moves(puts, _current(names, registries))


def add_immutable(puts: Sequence[Put], date: str, registries: Registries) -> list[Put]:
    """Return the puts of tags that never move, for those of `puts` that have none yet for what they are now."""
    added = []
    tags = {repository: _tags(repository, registries) for repository in {put.repository for put in puts}}
    for put in puts:
        known = [tag for tag in tags[put.repository] if tag.startswith(f"{put.tags[0]}-")]
        names = [msgspec.structs.replace(put.repository, tag=tag) for tag in known]
        current = _current(names, registries)
        found = {name.tag: current[str(name)] for name in names}
        new = immutable_put(put, date, found)
        if new:
            added.append(new)
    return added


def move_tags(moves: Sequence[Move], source: Source, registries: Registries, progress: Progress) -> Copied:
    """Push what `moves` need, and when all of it is there, move the tags, many at a time.

    Raises BrewError with no tag moved where something cannot be pushed; where tags cannot be moved, it says how many.
    """
    sent = [
        put_tree(tree, source, target, progress)
        for repository, trees in _by_repository(moves).items()
        for target in [RegistryTarget(registries.origin(repository), mount_from=_others(repository, moves))]
        for tree in trees
    ]
    # Registries that keep files write an image's again with each of its tags; an index whose tag is set meanwhile would
    # find its image's half written, and be refused.
    images, indexes = ([move for move in moves if bool(move.new.children) is above] for above in (False, True))
    with progress.step(f"move {len(moves)} tags"):
        faults = [*_move_all(images, registries), *_move_all(indexes, registries)]
    if faults:
        moved = f"{len(moves) - len(faults)} of {len(moves)} tags were moved"
        raise RegistryError(f"{moved}: {faults[0].message}", hint="repeat the command to move the rest") from faults[0]
    return Copied(moves[0].new.descriptor, sum(copied.count_sent for copied in sent), sum(c.bytes_sent for c in sent))


def _move_all(moves: Sequence[Move], registries: Registries) -> list[BrewError]:
    """Move tags, many at a time; return why some could not be moved."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        tasks = [pool.submit(_move, move, registries) for move in moves]
    faults = [error for task in tasks if isinstance(error := task.exception(), BrewError)]
    for task in tasks:
        if not isinstance(task.exception(), BrewError):
            task.result()
    return faults


def _move(move: Move, registries: Registries) -> None:
    place = registries.origin(move.repository)
    place.registry.put(place.repository, move.tag, move.new.descriptor.media_type, move.new.raw)


def _by_repository(moves: Iterable[Move]) -> Mapping[Reference, list[Tree]]:
    found: dict[Reference, dict[Digest, Tree]] = {}
    for move in moves:
        found.setdefault(move.repository, {}).setdefault(move.new.descriptor.digest, move.new)
    return {repository: list(trees.values()) for repository, trees in found.items()}


def _others(repository: Reference, moves: Iterable[Move]) -> list[str]:
    """Return the other repositories of the same publication, from which blobs can be mounted."""
    paths = {move.repository.path for move in moves if move.repository.domain == repository.domain}
    return sorted(paths - {repository.path})


def _current(names: Sequence[Reference], registries: Registries) -> dict[str, Digest | None]:
    """Return what tags stand for now, by their whole names."""
    if not names:
        return {}
    registries.origin(names[0])  # opened before the threads ask for it

    def head(name: Reference) -> Digest | None:
        place = registries.origin(name)
        return place.registry.head(place.repository, name.tag)

    with ThreadPoolExecutor(_PARALLEL) as pool:
        return dict(zip(map(str, names), pool.map(head, names), strict=True))


def _tags(repository: Reference, registries: Registries) -> list[str]:
    """Return the tags of a repository; none where it is not there yet."""
    place = registries.origin(repository)
    try:
        return list(place.registry.tags(place.repository))
    except InputError:
        return []
