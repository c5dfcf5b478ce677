"""What families are: their targets with tags, their library files, their Dockerfiles."""

from collections.abc import Mapping, Sequence

from brewhouse.family.expand import expand, expand_older
from brewhouse.family.resolve import find_targets, unknown_tag
from brewhouse.model import Context, Family, Library, Release, Target
from brewhouse.oci.platform import Arch, host_arch
from brewhouse.oci.reference import Reference, parse_reference
from brewhouse.render.dockerfile import Profile, render
from brewhouse.tag.compute import compute_library, tagged


def family_targets(families: Mapping[str, Family], repo: str) -> list[Target]:
    """Return the targets of a repository with their tags, each line at the newest release that the lock knows."""
    return [tagged(target) for target in expand(families, repo)]


def family_library(
    families: Mapping[str, Family], repo: str, git_commit: str = "", *, experimental: bool = False
) -> Library:
    """Return the library file of a repository, at the newest release of each line."""
    targets = family_targets(families, repo)
    return compute_library(families[repo], targets, git_commit, experimental=experimental)


def render_family(
    families: Mapping[str, Family], repo: str, profile: Profile, releases: Mapping[str, Release] | None = None
) -> dict[str, Context]:
    """Return what each image of a repository is built from, by the folder it is written to."""
    return {
        target.directory: render(families[repo], target, profile)
        for target in expand(families, repo, releases)
        if target.builder != "debian"
    }


def find_wanted(families: Mapping[str, Family], name: str, arch: Arch) -> list[Target]:
    """Return the targets of one architecture that a user's `name` stands for: "python:3.13-slim", "python:3.13.5".

    Raises InputError for an unknown family or tag, with those that are near.
    """
    reference = parse_reference(name)
    newest = family_targets(families, reference.repository)
    found = find_targets(reference, newest, _arch_of(reference, newest, arch))
    if found:
        return found
    older = [tagged(target) for target in expand_older(families, reference.repository)]
    found = find_targets(reference, older, _arch_of(reference, older, arch))
    if not found:
        raise unknown_tag(reference, [*newest, *older], arch)
    return found


def _arch_of(reference: Reference, targets: Sequence[Target], arch: Arch) -> Arch:
    """Return Windows for this machine's architecture where a name, as `-windowsservercore` does, means nothing else."""
    named = {target.arch for target in targets if reference.tag in (*target.tags, *target.shared_tags)}
    return Arch.WINDOWS_AMD64 if arch == host_arch() and named == {Arch.WINDOWS_AMD64} else arch
