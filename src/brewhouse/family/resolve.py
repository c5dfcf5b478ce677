"""What a user typed -> the targets that have that tag."""

from collections.abc import Iterable, Sequence

from brewhouse.errors import InputError
from brewhouse.family.suggest import did_you_mean
from brewhouse.model import Target
from brewhouse.oci.platform import Arch
from brewhouse.oci.reference import Reference


def find_targets(reference: Reference, targets: Iterable[Target], arch: Arch) -> list[Target]:
    """Return the targets of one architecture with this simple or shared tag; none where no target has it."""
    named = [target for target in targets if reference.tag in (*target.tags, *target.shared_tags)]
    found = [target for target in named if target.arch == arch]
    if named and not found:
        offered = ", ".join(sorted({target.arch for target in named}))
        raise InputError(f"{reference} is not made for {arch}", hint=f"it is for: {offered}")
    return found


def names_version(reference: Reference, target: Target) -> bool:
    """Tell whether a name says the whole version: python:3.13.5-slim does, python:3.13-slim and python:slim do not."""
    return reference.tag == target.version or reference.tag.startswith(f"{target.version}-")


def unknown_tag(reference: Reference, targets: Sequence[Target], arch: Arch) -> InputError:
    """Return the error for a tag that no target has: what of it is unknown, version or variant, and what is near."""
    repo, tag = reference.repository, reference.tag
    offered = [target for target in targets if target.arch == arch]
    versions = {version for target in offered for version in target.versions}
    version = max((version for version in versions if tag.startswith(f"{version}-")), key=len, default="")
    if version:
        variant = tag.removeprefix(f"{version}-")
        suffixes = {suffix for target in offered if version in target.versions for suffix in target.suffixes if suffix}
        return InputError(f"{repo} {version} has no variant `{variant}`", hint=did_you_mean(variant, suffixes))
    if tag[:1].isdigit():
        head = tag.partition("-")[0]
        lines = list(dict.fromkeys(target.line for target in offered))
        return InputError(f"{repo} has no version `{head}`", hint=f"its lines: {', '.join(lines)}")
    tags = {name for target in offered for name in (*target.tags, *target.shared_tags)}
    return InputError(f"{repo} has no tag `{tag}`", hint=did_you_mean(tag, tags))
