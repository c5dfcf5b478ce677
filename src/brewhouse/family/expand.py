"""Families -> targets: every line, variant and architecture that is wanted."""

from collections.abc import Iterator, Mapping

from brewhouse.errors import InputError
from brewhouse.family.suggest import did_you_mean
from brewhouse.family.version import belongs
from brewhouse.library import tag_name
from brewhouse.model import Family, Line, Release, Target, Variant
from brewhouse.oci.platform import Arch
from brewhouse.oci.reference import parse_reference

_LATEST = "latest"


def expand(families: Mapping[str, Family], repo: str, releases: Mapping[str, Release] | None = None) -> list[Target]:
    """Return the targets of a repository, without tags: by line, by variant, by architecture.

    Each line has its newest release, or the one that `releases` gives for it. Raises InputError for an unknown repo.
    """
    family = find_family(families, repo)
    chosen = releases or {}
    targets: list[Target] = []
    for line in family.lines:
        release = chosen.get(line.name) or next(iter(line_releases(family, line.name)), None)
        names = (release.version, line.name, *line.aliases) if release else (line.name, *line.aliases)
        targets.extend(_line_targets(families, family, line, release, names))
    return targets


def at_release(families: Mapping[str, Family], target: Target, release: Release) -> Target:
    """Return the target of the same line, variant and architecture at another release."""
    place = (target.line, target.variant, target.arch)
    moved = expand(families, target.repo, {target.line: release})
    return next(other for other in moved if (other.line, other.variant, other.arch) == place)


def expand_older(families: Mapping[str, Family], repo: str) -> list[Target]:
    """Return the targets of every release but each line's newest, by whose whole versions alone they are called."""
    family = find_family(families, repo)
    targets: list[Target] = []
    for line in family.lines:
        for release in line_releases(family, line.name)[1:]:
            targets.extend(_line_targets(families, family, line, release, (release.version,)))
    return targets


def line_releases(family: Family, line: str) -> tuple[Release, ...]:
    """Return the releases of a line, the newest first; none for a family without a lock."""
    return tuple(release for release in family.releases if belongs(release.version, line))


def find_family(families: Mapping[str, Family], repo: str) -> Family:
    """Return the family of a repository; raises InputError with the names that are near."""
    if repo not in families:
        raise InputError(f"there is no family `{repo}`", hint=did_you_mean(repo, families))
    return families[repo]


def _line_targets(
    families: Mapping[str, Family], family: Family, line: Line, release: Release | None, names: tuple[str, ...]
) -> Iterator[Target]:
    order = [other.name for other in family.lines]
    for variant in family.variants:
        # Lines stand from the newest to the oldest.
        if variant.since and order.index(line.name) > order.index(variant.since):
            continue
        for arch in variant_arches(families, line, variant):
            yield Target(
                repo=family.repo,
                version=release.version if release else line.name,
                variant=variant.name,
                arch=arch,
                builder=variant.builder or family.builder,
                directory=variant.directory.format(line=line.name, variant=variant.name),
                line=line.name,
                versions=tuple(name for name in names if variant.latest or name != _LATEST),
                suffixes=variant.suffixes,
                shared_suffixes=variant.shared_suffixes,
                parents=_parents(line, variant),
                release=release,
            )


def variant_arches(families: Mapping[str, Family], line: Line, variant: Variant) -> tuple[Arch, ...]:
    """Return the architectures of a variant: its own, the line's, or else those of what it stands on, sorted.

    Source: generate-stackbrew-library.sh of docker-library/python; mips64le is not built any more.
    """
    own = variant.arches or line.arches
    if own:
        return tuple(sorted(own))
    base = parse_reference(_parents(line, variant)[-1])
    family = families.get(base.repository)
    for base_line in family.lines if family else ():
        for base_variant in family.variants if family else ():
            tags = [
                tag_name(name, end) for name in (base_line.name, *base_line.aliases) for end in base_variant.suffixes
            ]
            if base.tag in tags:
                found = variant_arches(families, base_line, base_variant)
                return tuple(arch for arch in found if arch != Arch.MIPS64LE)
    mend = "write its architectures: arches = [...], or name the folder of that family: --families DIR"
    raise InputError(f"no family makes {base}, on which variant `{variant.name}` of {line.name} stands", hint=mend)


def _parents(line: Line, variant: Variant) -> tuple[str, ...]:
    return tuple(parent.format(line=line.name, variant=variant.name) for parent in variant.parents)
