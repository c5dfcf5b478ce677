"""Which entries a question is about: architecture and constraints, as bashbrew's options set them.

Source: SkipConstraints in cmd/bashbrew/repo.go of docker-library/bashbrew.
"""

import msgspec

from brewhouse.model import Entry
from brewhouse.oci.platform import Arch


class Selection(msgspec.Struct, frozen=True):
    """What --arch, --arch-filter, --apply-constraints, --constraint and --exclusive-constraints say."""

    arch: Arch = Arch.AMD64
    arch_filter: bool = False
    apply_constraints: bool = False
    constraints: tuple[str, ...] = ()
    exclusive_constraints: bool = False

    def arches(self, entry: Entry) -> tuple[Arch, ...]:
        """Return the architectures of `entry` that count."""
        return (self.arch,) if self.arch_filter or self.apply_constraints else entry.architectures

    def keeps(self, entry: Entry) -> bool:
        """Tell whether `entry` counts at all."""
        if self.apply_constraints and self.refusal(entry):
            return False
        return not self.arch_filter or self.arch in entry.architectures

    def refusal(self, entry: Entry) -> str:
        """Return why this machine must not build `entry`, in bashbrew's words, or nothing."""
        if self.arch not in entry.architectures:
            supported = ", ".join(entry.architectures)
            return f'due to architecture "{self.arch}"; only "{supported}" supported'
        if not entry.constraints:
            return "due to exclusive constraints" if self.exclusive_constraints else ""
        unsatisfied = [name.removeprefix("!") for name in entry.constraints if not self.satisfies(name)]
        quoted = " ".join(f'"{name}"' for name in unsatisfied)
        return f"due to unsatisfactory constraints [{quoted}]" if unsatisfied else ""

    def satisfies(self, constraint: str) -> bool:
        """Tell whether `constraint` was given, or of "!name" that the name was not."""
        if constraint.startswith("!"):
            return constraint[1:] not in self.constraints
        return constraint in self.constraints
