"""Questions about tags and library files that more than one stage asks: pure functions of `model.Library`.

Source of all rules: manifest/rfc2822.go of docker-library/bashbrew.
"""

from collections.abc import Iterator

import msgspec

from brewhouse.model import Entry, Library, Source
from brewhouse.oci.platform import Arch

# The fields that one architecture may have of its own: "arm64v8-GitCommit".
SOURCE_FIELDS = {
    "GitRepo": "git_repo",
    "GitFetch": "git_fetch",
    "GitCommit": "git_commit",
    "Directory": "directory",
    "File": "file",
    "Builder": "builder",
}


def tag_name(version: str, suffix: str) -> str:
    """Return the tag of a version and a suffix: "3.14-slim" and "3.14", and of "latest" just "slim" and "latest".

    Source: generate-stackbrew-library.sh of docker-library/python.
    """
    if not suffix:
        return version
    return suffix if version == "latest" else f"{version}-{suffix}"


class SharedTagGroup(msgspec.Struct, frozen=True):
    """Shared tags that stand for the same entries: an index of images for each."""

    shared_tags: tuple[str, ...]
    entries: tuple[Entry, ...]


def source_of(entry: Entry, arch: Arch) -> Source:
    """Return where the Dockerfile of `entry` for `arch` lies, with the architecture's own fields in place."""
    if not entry.overrides:
        return entry.source
    source = entry.source
    values = [entry.overrides.get(f"{arch}-{field}", "") for field in SOURCE_FIELDS]
    if not any(values):
        return source
    own = zip(values, SOURCE_FIELDS.values(), strict=True)
    return Source(*(value or getattr(source, attribute) for value, attribute in own))


def dockerfile_path(source: Source) -> str:
    """Return the path of the Dockerfile in its repository: "3.14/slim-trixie/Dockerfile"."""
    return source.file if source.directory == "." else f"{source.directory}/{source.file}"


def entries_with_tag(library: Library, tag: str) -> tuple[Entry, ...]:
    """Return the entry that has `tag`, or all entries that share it, in file order."""
    return tuple(entry for entry in library.entries if tag in entry.tags) or tuple(
        entry for entry in library.entries if tag in entry.shared_tags
    )


def with_namespace(namespace: str, repo: str) -> str:
    """Return "python" or "arm64v8/python"."""
    return f"{namespace}/{repo}" if namespace else repo


def repo_tags(entry: Entry, repo: str) -> Iterator[str]:
    """Yield all names of `entry`, simple tags first: "python:3.14.7-trixie", ..., "python:latest"."""
    for tag in (*entry.tags, *entry.shared_tags):
        yield f"{repo}:{tag}"


def shared_tag_groups(library: Library) -> tuple[SharedTagGroup, ...]:
    """Return the shared tags, those with the same entries together, in the order in which they first appear."""
    sharing: dict[str, list[int]] = {}
    for number, entry in enumerate(library.entries):
        for tag in entry.shared_tags:
            sharing.setdefault(tag, []).append(number)
    groups: dict[tuple[int, ...], list[str]] = {}
    for tag, numbers in sharing.items():
        groups.setdefault(tuple(numbers), []).append(tag)
    return tuple(
        SharedTagGroup(tuple(tags), tuple(library.entries[number] for number in numbers))
        for numbers, tags in groups.items()
    )
