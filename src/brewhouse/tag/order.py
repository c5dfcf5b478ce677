"""The order in which library entries can be built.

Source: sort.go in cmd/bashbrew of docker-library/bashbrew.
"""

import graphlib
from collections.abc import Iterator, Mapping, Sequence

from brewhouse.errors import InputError
from brewhouse.library import repo_tags, with_namespace
from brewhouse.model import Entry
from brewhouse.system.network.froms import FromsOf
from brewhouse.tag.folder import Choice
from brewhouse.tag.parents import images_of
from brewhouse.tag.select import Selection


def build_order(choices: Sequence[Choice], selection: Selection, namespace: str, froms_of: FromsOf) -> list[Choice]:
    """Return the choices so that each stands after those it is built from; equals keep their order.

    Raises InputError where the choices need each other.
    """
    distinct = list({(id(choice.library), choice.tag): choice for choice in choices}.values())
    if len(distinct) <= 1:
        return distinct
    owners: dict[str, int] = {}
    for number, choice in enumerate(distinct):
        for name in own_names(choice, namespace):
            owner = owners.get(name)
            if owner is None or not distinct[owner].tag:
                owners[name] = number
    needs = {
        number: {owners[image] for image in needed_images(choice, selection, froms_of) if image in owners} - {number}
        for number, choice in enumerate(distinct)
    }
    return [distinct[number] for number in sort_stable(needs, [choice.library.name for choice in distinct])]


def own_names(choice: Choice, namespace: str) -> Iterator[str]:
    """Yield the names of the chosen entries, with the namespace and without."""
    for entry in choice.entries:
        yield from repo_tags(entry, choice.library.name)
        if namespace:
            yield from repo_tags(entry, with_namespace(namespace, choice.library.name))


def needed_images(choice: Choice, selection: Selection, froms_of: FromsOf) -> Iterator[str]:
    """Yield what the chosen entries that count are built from."""
    for entry in choice.entries:
        if not selection.apply_constraints or selection.keeps(entry):
            yield from images_of(choice.library, entry, selection, froms_of)


def sort_stable(needs: Mapping[int, set[int]], names: Sequence[str]) -> list[int]:
    """Return the numbers in rounds: all that need nothing more, in their own order, then what they made possible."""
    sorter = graphlib.TopologicalSorter(needs)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        cycle = " -> ".join(names[number] for number in error.args[1])
        raise InputError(f"there is no order in which these can be built: {cycle}") from None
    ordered: list[int] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        ordered.extend(ready)
        sorter.done(*ready)
    return ordered


def entries_in_build_order(choice: Choice, selection: Selection, namespace: str, froms_of: FromsOf) -> list[Entry]:
    """Return the chosen entries so that each stands after those of the same file that it is built from."""
    single = [Choice(choice.library, entry.tags[0]) for entry in choice.entries]
    return [entry for one in build_order(single, selection, namespace, froms_of) for entry in one.entries]
