"""What is wrong in a library file, all of it in one report."""

from collections.abc import Sequence

import msgspec

from brewhouse.errors import InputError, on_one_line


class Fault(msgspec.Struct, frozen=True, order=True):
    """One fault: the line (from 1), what is wrong there, and the form that is accepted."""

    line: int
    message: str
    accepted: str


def fault_report(where: str, faults: Sequence[Fault]) -> InputError:
    """Return the error that names all faults of the file `where`, in the order of its lines."""
    ordered = sorted(set(faults))
    if len(ordered) == 1:
        (fault,) = ordered
        return InputError(f"{where}:{fault.line}: {on_one_line(fault.message)}", hint=fault.accepted)
    lines = [f"{where}:{fault.line}: {on_one_line(fault.message)}; {fault.accepted}" for fault in ordered]
    return InputError("\n".join([f"{where} has {len(ordered)} faults", *lines]))
