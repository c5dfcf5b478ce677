"""Which architectures' programs this machine can run, itself or through an emulator that its kernel knows."""

from collections.abc import Collection
from pathlib import Path

from brewhouse.errors import HostError
from brewhouse.oci.platform import Arch, host_arch

_BINFMT = Path("/proc/sys/fs/binfmt_misc")

# What processors run besides their own: arm64 ones mostly run 32-bit programs, but not all of them do.
_NATIVE = {Arch.AMD64: {Arch.AMD64, Arch.I386}, Arch.ARM32V7: {Arch.ARM32V7, Arch.ARM32V6, Arch.ARM32V5}}

# The names under which Debian's qemu-user registers itself with the kernel.
_EMULATORS = {
    Arch.AMD64: "qemu-x86_64",
    Arch.ARM32V5: "qemu-arm",
    Arch.ARM32V6: "qemu-arm",
    Arch.ARM32V7: "qemu-arm",
    Arch.ARM64V8: "qemu-aarch64",
    Arch.I386: "qemu-i386",
    Arch.MIPS64LE: "qemu-mips64el",
    Arch.PPC64LE: "qemu-ppc64le",
    Arch.RISCV64: "qemu-riscv64",
    Arch.S390X: "qemu-s390x",
}


def require_programs_of(arch: Arch) -> None:
    """Raise HostError, with what to install, where this machine cannot run programs of `arch`."""
    host = host_arch()
    registered = {path.name for path in _BINFMT.glob("qemu-*") if path.read_text().startswith("enabled")}
    if not can_run(arch, host, registered):
        mend = "apt-get install qemu-user-static binfmt-support"
        raise HostError(f"this machine is {host} and cannot run programs of {arch}", hint=f"add an emulator: {mend}")


def can_run(arch: Arch, host: Arch, registered: Collection[str]) -> bool:
    """Tell whether programs of `arch` run on `host` with these emulators registered: "qemu-s390x"."""
    return arch in _NATIVE.get(host, {host}) or _EMULATORS.get(arch) in registered
