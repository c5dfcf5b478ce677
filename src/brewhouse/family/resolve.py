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


def unknown_tag(reference: Reference, targets: Sequence[Target], arch: Arch) -> InputError:
    """Return the error for a tag that no target has, with those that are near."""
    tags = {tag for target in targets if target.arch == arch for tag in (*target.tags, *target.shared_tags)}
    return InputError(f"{reference.repository} has no tag `{reference.tag}`", hint=did_you_mean(reference.tag, tags))
