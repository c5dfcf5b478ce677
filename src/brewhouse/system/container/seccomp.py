"""Which system calls a sandbox lets through: what Docker lets through by default.

Source: profiles/seccomp of moby/moby, as of Docker 25 and later (io_uring is not among them). Names that this machine's
libseccomp does not know are left out by the runtimes, so that new ones do no harm on an old machine. The x32 ABI,
which distributions do not enable, is left out: to compile it takes a third of a container's start (5 of 15 ms).
"""

from brewhouse.oci.runtime import Seccomp, SeccompArgument, SeccompRule

_EPERM = 1
_ENOSYS = 38
_AF_VSOCK = 40
# Source: linux/sched.h: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
_NEW_NAMESPACES = 0x7E020000

# Source: linux/personality.h: PER_LINUX, PER_LINUX32, UNAME26, both, and the question for the present one.
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)

_ALWAYS = """
    accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32
    clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
    clock_nanosleep_time64 close close_range connect copy_file_range creat
    dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old
    eventfd eventfd2 execve execveat exit exit_group
    faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown
    fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64
    fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv
    futex_wake futimesat
    get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid
    getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom
    getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday
    getuid getuid32 getxattr getxattrat
    inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents
    io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill
    landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen
    listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64
    madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2
    mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
    mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap
    name_to_handle_at nanosleep _newselect newfstatat open openat openat2
    pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl
    pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6 pselect6_time64
    ptrace pwrite64 pwritev pwritev2
    read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages
    removexattr removexattrat rename renameat renameat2 restart_syscall riscv_hwprobe rmdir rseq rt_sigaction
    rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64
    rt_tgsigqueueinfo
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
    sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
    sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile
    sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid
    setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid
    setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr
    setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall
    socketpair splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range syncfs sysinfo
    tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime
    timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill
    truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes
    vfork vmsplice wait4 waitid waitpid write writev
"""

# By the machine's name as `uname -m` gives it: the architectures that its kernel runs, and calls that only they have.
_MACHINES = {
    "x86_64": ("X86_64 X86", "arch_prctl modify_ldt"),
    "i686": ("X86", "modify_ldt"),
    "aarch64": ("AARCH64 ARM", "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"),
    "armv7l": ("ARM", "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"),
    "ppc64le": ("PPC64LE", "sync_file_range2 swapcontext"),
    "riscv64": ("RISCV64", "riscv_flush_icache"),
    "s390x": ("S390X S390", "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"),
}

_BY_CAPABILITY = {
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_SYS_ADMIN": """
        bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick listmount lookup_dcookie mount mount_setattr
        move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns statmount syslog
        umount umount2 unshare
    """,
    "CAP_SYS_BOOT": "reboot",
    "CAP_SYS_CHROOT": "chroot",
    "CAP_SYS_MODULE": "delete_module finit_module init_module",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_PTRACE": "kcmp pidfd_getfd process_madvise",
    "CAP_SYS_RAWIO": "ioperm iopl",
    "CAP_SYS_TIME": "clock_settime clock_settime64 settimeofday stime",
    "CAP_SYS_TTY_CONFIG": "vhangup",
    "CAP_SYS_NICE": "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    "CAP_SYSLOG": "syslog",
    "CAP_BPF": "bpf",
    "CAP_PERFMON": "perf_event_open",
}


def seccomp_profile(machine: str, capabilities: tuple[str, ...]) -> Seccomp | None:
    """Return the filter for a machine ("x86_64") and a process with `capabilities`; None for unknown machines."""
    if machine not in _MACHINES:
        return None
    architectures, own_calls = _MACHINES[machine]
    granted = [names for capability, names in _BY_CAPABILITY.items() if capability in capabilities]
    return Seccomp(
        default_action="SCMP_ACT_ERRNO",
        default_errno_ret=_EPERM,
        architectures=tuple(f"SCMP_ARCH_{name}" for name in architectures.split()),
        syscalls=(
            _allow(" ".join([_ALWAYS, own_calls, *granted])),
            _allow("socket", SeccompArgument(0, _AF_VSOCK, "SCMP_CMP_NE")),
            *(_allow("personality", SeccompArgument(0, value, "SCMP_CMP_EQ")) for value in _PERSONALITIES),
            *([] if "CAP_SYS_ADMIN" in capabilities else _without_new_namespaces(machine)),
        ),
    )


def _without_new_namespaces(machine: str) -> list[SeccompRule]:
    """Let clone make processes only; clone3, whose flags no filter sees, is said to be missing: libc falls back."""
    flags = 1 if machine == "s390x" else 0
    return [
        _allow("clone", SeccompArgument(flags, _NEW_NAMESPACES, "SCMP_CMP_MASKED_EQ")),
        SeccompRule(("clone3",), "SCMP_ACT_ERRNO", errno_ret=_ENOSYS),
    ]


def _allow(names: str, *conditions: SeccompArgument) -> SeccompRule:
    return SeccompRule(tuple(sorted(set(names.split()))), "SCMP_ACT_ALLOW", args=conditions)
