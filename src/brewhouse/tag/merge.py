"""Entries that are built from the same things are one image with the tags of both.

Source: AddEntry and SameBuildArtifacts in manifest/rfc2822.go of docker-library/bashbrew.
"""

from collections.abc import Hashable, Iterable

import msgspec

from brewhouse.model import Entry


def merge_entries(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries, where one with the build inputs of an earlier one only adds its tags to that."""
    merged: dict[Hashable, Entry] = {}
    for entry in entries:
        inputs = build_inputs(entry)
        earlier = merged.get(inputs)
        if earlier is None:
            merged[inputs] = entry
            continue
        shared_tags = tuple(dict.fromkeys((*earlier.shared_tags, *entry.shared_tags)))
        merged[inputs] = msgspec.structs.replace(earlier, tags=(*earlier.tags, *entry.tags), shared_tags=shared_tags)
    return tuple(merged.values())


def build_inputs(entry: Entry) -> Hashable:
    """Return all that decides what is built, comparable: everything but the tags and the maintainers."""
    overrides = tuple(sorted(entry.overrides.items())) if entry.overrides else ()
    return (overrides, entry.architectures, entry.source, entry.constraints)
