"""Targets -> their simple and shared tags, and the library file of a repository.

Source: generate-stackbrew-library.sh of docker-library/python and docker-library/buildpack-deps.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from brewhouse.library import tag_name
from brewhouse.model import Entry, Family, Library, Source, Target


def simple_tags(versions: Sequence[str], suffixes: Sequence[str]) -> Iterator[str]:
    """Yield the simple tags of one target, the most exact first.

    versions ("3.14.6", "3.14", "latest") and suffixes ("slim-trixie", "slim") yield "3.14.6-slim-trixie",
    "3.14-slim-trixie", "slim-trixie", "3.14.6-slim", "3.14-slim", "slim".
    """
    for suffix in suffixes:
        for version in versions:
            yield tag_name(version, suffix)


def tagged(target: Target) -> Target:
    """Return the target with its simple and shared tags."""
    return msgspec.structs.replace(
        target,
        tags=tuple(simple_tags(target.versions, target.suffixes)),
        shared_tags=tuple(simple_tags(target.versions, target.shared_suffixes)),
    )


def compute_library(
    family: Family, targets: Iterable[Target], git_commit: str, *, experimental: bool = False
) -> Library:
    """Return the library file of tagged targets: one entry for each version and variant, with all its architectures.

    Experimental variants are left out, unless they are asked for.
    """
    left_out = {variant.name for variant in family.variants if variant.experimental and not experimental}
    grouped: dict[tuple[str, str], list[Target]] = {}
    for target in targets:
        if target.variant in left_out:
            continue
        grouped.setdefault((target.version, target.variant), []).append(target)
    entries = tuple(_entry(family, group, git_commit) for group in grouped.values())
    return Library(family.repo, family.common, entries)


def _entry(family: Family, group: Sequence[Target], git_commit: str) -> Entry:
    first = group[0]
    variant = next(variant for variant in family.variants if variant.name == first.variant)
    source: Source = msgspec.structs.replace(
        family.common.source,
        git_commit=git_commit,
        directory=first.directory,
        builder=variant.entry_builder or family.common.source.builder,
    )
    return msgspec.structs.replace(
        family.common,
        tags=first.tags,
        shared_tags=first.shared_tags,
        architectures=tuple(sorted(target.arch for target in group)),
        source=source,
        constraints=variant.constraints,
    )
