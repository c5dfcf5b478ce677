"""A `Library` as text, in the canonical form that `bashbrew cat` prints.

Source: String and ClearDefaults in manifest/rfc2822.go of docker-library/bashbrew.
"""

from collections.abc import Iterator

from brewhouse.library import SOURCE_FIELDS
from brewhouse.model import Entry, Library, Source

_NOTHING = Entry(architectures=(), source=Source(git_fetch="", directory="", file=""))


def write_library(library: Library) -> str:
    """Return the library file: what is common, then each entry with what it has of its own; ends with a newline.

    An entry that has less than the common part says so by an empty field, so that the text reads back the same.
    """
    paragraphs = [write_entry(library.common, Entry())]
    paragraphs.extend(write_entry(entry, library.common) for entry in library.entries)
    return "\n\n".join(paragraphs) + "\n"


def write_whole_entry(entry: Entry) -> str:
    """Return all fields of `entry` that are not empty, inherited ones too."""
    return write_entry(entry, _NOTHING)


def write_entry(entry: Entry, common: Entry) -> str:
    """Return the fields of `entry` that differ from those of `common`, one a line, lists in one line each."""
    return "\n".join(f"{field}: {value}".rstrip() for field, value in own_fields(entry, common))


def own_fields(entry: Entry, common: Entry) -> Iterator[tuple[str, str]]:
    """Yield names and values of the fields of `entry` that are not as in `common`, in bashbrew's order."""
    before = dict(fields(common))
    after = dict(fields(entry))
    for field in ("Maintainers", "Tags", "SharedTags", "Architectures", *SOURCE_FIELDS):
        if after[field] != before[field]:
            yield field, after[field]
    for field in sorted({*entry.overrides, *common.overrides}):
        if entry.overrides.get(field, "") != common.overrides.get(field, ""):
            yield field, entry.overrides.get(field, "")
    if after["Constraints"] != before["Constraints"]:
        yield "Constraints", after["Constraints"]


def fields(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield every field but the overrides, as text."""
    yield "Maintainers", ", ".join(entry.maintainers)
    yield "Tags", ", ".join(entry.tags)
    yield "SharedTags", ", ".join(entry.shared_tags)
    yield "Architectures", ", ".join(entry.architectures)
    for field, attribute in SOURCE_FIELDS.items():
        yield field, getattr(entry.source, attribute)
    yield "Constraints", ", ".join(entry.constraints)
