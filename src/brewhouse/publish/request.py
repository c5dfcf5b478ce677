"""What is asked to be published, and what that means of the library files."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from brewhouse.errors import InputError
from brewhouse.library import entries_with_tag
from brewhouse.model import Entry, Library
from brewhouse.oci.platform import Arch
from brewhouse.oci.reference import parse_reference
from brewhouse.publish.destination import Destination
from brewhouse.publish.gather import Gatherer, Lack
from brewhouse.publish.plan import Put, plan_puts


class PublishRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be published where; repository and commit stand in annotations."""

    names: tuple[str, ...]
    destination: Destination
    may_lack: frozenset[Arch] = frozenset()
    git_repo: str = ""
    git_commit: str = ""


def plan_all(
    asked: PublishRequest, libraries: Mapping[str, Library], gatherer: Gatherer
) -> tuple[list[Put], list[Lack]]:
    """Return what is put where, and what is missing for it."""
    puts: list[Put] = []
    lacks: list[Lack] = []
    for repo, entries in wanted_entries(asked.names, libraries).items():
        gathered = gatherer.gather(repo, entries, asked.may_lack)
        puts += plan_puts(libraries[repo], gathered.ready, asked.destination, asked.may_lack)
        lacks += gathered.lacks
    return puts, lacks


def wanted_entries(names: Sequence[str], libraries: Mapping[str, Library]) -> dict[str, tuple[Entry, ...]]:
    """Return the entries that `names` mean, by repository: "python" all of it, "python:3.14-slim" what has the tag.

    Raises InputError for a family or tag that is not there.
    """
    found: dict[str, dict[tuple[str, ...], Entry]] = {}
    for name in names:
        reference = parse_reference(name)
        library = libraries.get(reference.repository)
        if library is None:
            known = ", ".join(sorted(libraries))
            raise InputError(f"there is no family `{reference.repository}`", hint=f"there are: {known}")
        entries = entries_with_tag(library, reference.tag) if ":" in name else library.entries
        if not entries:
            raise InputError(f"{library.name} has no tag `{reference.tag}`", hint=f"see: brewhouse tags {library.name}")
        found.setdefault(library.name, {}).update({entry.tags: entry for entry in entries})
    return {repo: tuple(entries.values()) for repo, entries in found.items()}


def stored_versions(repo: str, names: Iterable[str]) -> frozenset[str]:
    """Return what stands before the first hyphen of a repository's tags in the store, in whatever namespace."""
    references = (name.rpartition(":") for name in names)
    return frozenset(tag.partition("-")[0] for head, _, tag in references if head.rpartition("/")[2] == repo)


def with_source(library: Library, git_repo: str) -> Library:
    """Return the library with another repository as the source of all entries; as it is where none is named."""
    if not git_repo:
        return library
    replace = msgspec.structs.replace
    entries = tuple(replace(entry, source=replace(entry.source, git_repo=git_repo)) for entry in library.entries)
    return replace(library, entries=entries)
