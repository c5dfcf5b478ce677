"""The system calls that a sandbox may make are those that Docker lets through."""

import pytest

from brewhouse.oci.runtime import Seccomp, SeccompRule
from brewhouse.system.container.seccomp import seccomp_profile

CHROOT = ("CAP_SYS_CHROOT",)
ADMIN = ("CAP_SYS_ADMIN",)


def rules(profile: Seccomp | None, name: str) -> list[SeccompRule]:
    assert profile is not None
    return [rule for rule in profile.syscalls if name in rule.names]


def allowed(capabilities: tuple[str, ...], name: str) -> bool:
    found = rules(seccomp_profile("x86_64", capabilities), name)
    return any(rule.action == "SCMP_ACT_ALLOW" and not rule.args for rule in found)


@pytest.mark.parametrize(
    ("name", "without", "with_admin"),
    [
        ("openat", True, True),
        ("ptrace", True, True),
        ("clone3", False, True),
        ("mount", False, True),
        ("unshare", False, True),
        ("setns", False, True),
        ("bpf", False, True),
        ("io_uring_setup", False, False),
        ("userfaultfd", False, False),
        ("kexec_load", False, False),
        ("keyctl", False, False),
        ("reboot", False, False),
    ],
)
def test_a_call_depends_on_the_capability_it_needs(name: str, *, without: bool, with_admin: bool) -> None:
    assert allowed(CHROOT, name) is without
    assert allowed(ADMIN, name) is with_admin


def test_what_is_not_named_fails_with_eperm() -> None:
    profile = seccomp_profile("x86_64", CHROOT)
    assert profile is not None
    assert (profile.default_action, profile.default_errno_ret) == ("SCMP_ACT_ERRNO", 1)


def test_clone_makes_no_namespaces_and_clone3_seems_missing() -> None:
    (clone,) = rules(seccomp_profile("x86_64", CHROOT), "clone")
    (flags,) = clone.args
    namespaces = [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]
    assert (flags.index, flags.op, flags.value, flags.value_two) == (0, "SCMP_CMP_MASKED_EQ", sum(namespaces), 0)
    (clone3,) = rules(seccomp_profile("x86_64", CHROOT), "clone3")
    assert (clone3.action, clone3.errno_ret) == ("SCMP_ACT_ERRNO", 38)


def test_the_flags_of_clone_are_its_second_argument_on_s390x() -> None:
    (clone,) = rules(seccomp_profile("s390x", CHROOT), "clone")
    assert clone.args[0].index == 1


@pytest.mark.parametrize(
    ("machine", "architectures", "own"),
    [
        ("x86_64", ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"), "arch_prctl"),
        ("aarch64", ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"), "cacheflush"),
        ("riscv64", ("SCMP_ARCH_RISCV64",), "riscv_flush_icache"),
    ],
)
def test_a_machine_runs_its_own_programs_and_its_32_bit_ones(
    machine: str, architectures: tuple[str, ...], own: str
) -> None:
    profile = seccomp_profile(machine, CHROOT)
    assert profile is not None
    assert profile.architectures == architectures
    assert rules(profile, own)


def test_an_unknown_machine_has_no_filter_rather_than_a_wrong_one() -> None:
    assert seccomp_profile("loongarch64", CHROOT) is None
