"""A machine runs its own programs, those its processor runs besides, and those it has an emulator for."""

import pytest

from brewhouse.errors import HostError
from brewhouse.oci.platform import Arch
from brewhouse.system.machine import can_run, require_programs_of


@pytest.mark.parametrize(
    ("arch", "host", "registered", "runs"),
    [
        (Arch.AMD64, Arch.AMD64, [], True),
        (Arch.I386, Arch.AMD64, [], True),
        (Arch.AMD64, Arch.I386, [], False),
        (Arch.ARM32V5, Arch.ARM32V7, [], True),
        (Arch.ARM32V7, Arch.ARM64V8, [], False),
        (Arch.ARM32V7, Arch.ARM64V8, ["qemu-arm"], True),
        (Arch.S390X, Arch.AMD64, [], False),
        (Arch.S390X, Arch.AMD64, ["qemu-s390x"], True),
        (Arch.S390X, Arch.AMD64, ["qemu-aarch64"], False),
        (Arch.WINDOWS_AMD64, Arch.AMD64, ["qemu-x86_64"], False),
    ],
)
def test_programs_run_natively_or_through_an_emulator(
    arch: Arch,
    host: Arch,
    registered: list[str],
    runs: bool,  # noqa: FBT001 - a table
) -> None:
    assert can_run(arch, host, registered) == runs


def test_a_machine_that_cannot_is_told_what_to_install() -> None:
    with pytest.raises(HostError, match="cannot run programs of windows-amd64") as raised:
        require_programs_of(Arch.WINDOWS_AMD64)
    assert "qemu-user-static" in raised.value.hint
