"""Platforms as OCI writes them, and architectures as docker-library names them."""

import platform as host
import re
from enum import StrEnum

import msgspec

from brewhouse.errors import InputError


class Platform(
    msgspec.Struct, frozen=True, omit_defaults=True, rename={"os_version": "os.version", "os_features": "os.features"}
):
    """What an image runs on: linux/arm64/v8, windows/amd64 with os.version 10.0.26100.1."""

    architecture: str
    # Made by a function, because omit_defaults would leave out a plain default, and OCI requires the field.
    os: str = msgspec.field(default_factory=lambda: "linux")
    os_version: str = ""
    os_features: tuple[str, ...] = ()
    variant: str = ""

    def __str__(self) -> str:
        """Write the form of `--platform`: "linux/arm64/v8"."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class Arch(StrEnum):
    """The eleven architectures of official images, by the names that bashbrew gives them."""

    AMD64 = "amd64"
    ARM32V5 = "arm32v5"
    ARM32V6 = "arm32v6"
    ARM32V7 = "arm32v7"
    ARM64V8 = "arm64v8"
    I386 = "i386"
    MIPS64LE = "mips64le"
    PPC64LE = "ppc64le"
    RISCV64 = "riscv64"
    S390X = "s390x"
    WINDOWS_AMD64 = "windows-amd64"


# Source: architecture/oci-platform.go of docker-library/bashbrew.
PLATFORMS: dict[Arch, Platform] = {
    Arch.AMD64: Platform("amd64"),
    Arch.ARM32V5: Platform("arm", variant="v5"),
    Arch.ARM32V6: Platform("arm", variant="v6"),
    Arch.ARM32V7: Platform("arm", variant="v7"),
    Arch.ARM64V8: Platform("arm64", variant="v8"),
    Arch.I386: Platform("386"),
    Arch.MIPS64LE: Platform("mips64le"),
    Arch.PPC64LE: Platform("ppc64le"),
    Arch.RISCV64: Platform("riscv64"),
    Arch.S390X: Platform("s390x"),
    Arch.WINDOWS_AMD64: Platform("amd64", os="windows"),
}

# Debian's names, for those architectures that Debian builds.
DEBIAN_ARCHES: dict[Arch, str] = {
    Arch.AMD64: "amd64",
    Arch.ARM32V5: "armel",
    Arch.ARM32V7: "armhf",
    Arch.ARM64V8: "arm64",
    Arch.I386: "i386",
    Arch.MIPS64LE: "mips64el",
    Arch.PPC64LE: "ppc64el",
    Arch.RISCV64: "riscv64",
    Arch.S390X: "s390x",
}

_MACHINES = {
    "x86_64": Arch.AMD64,
    "aarch64": Arch.ARM64V8,
    "armv7l": Arch.ARM32V7,
    "armv6l": Arch.ARM32V6,
    "i686": Arch.I386,
    "ppc64le": Arch.PPC64LE,
    "riscv64": Arch.RISCV64,
    "s390x": Arch.S390X,
}

# Source: normalizeArch of containerd/platforms.
_ARCHITECTURE_ALIASES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "i386": ("386", ""),
}
# Source: isKnownOS and isKnownArch of the same.
_SYSTEM = "aix|android|darwin|dragonfly|freebsd|hurd|illumos|ios|js|linux|nacl|netbsd|openbsd|plan9|solaris|windows|zos"
_ARCHITECTURE = (
    "386|amd64|amd64p32|arm|armbe|arm64|arm64be|ppc64|ppc64le|loong64|mips|mipsle|mips64|mips64le|mips64p32|mips64p32le|"
    "ppc|riscv|riscv64|s390|s390x|sparc|sparc64|wasm"
)
_COMPONENT = "abcdefghijklmnopqrstuvwxyz0123456789_.-"
_VERSIONED = r"([a-z0-9_-]+)\(([a-z0-9_.-]+)\)"
_DEFAULT_VARIANTS = {"arm": "v7", "arm64": "v8"}
_NO_VARIANT = {("amd64", "v1"): ""}
# Machines that run what was made for those behind them too, the best first. Source: platformVector of the same.
_VARIANTS = {
    "arm": ("v8", "v7", "v6", "v5"),
    "arm64": ("v9", "v8"),
    "amd64": ("v4", "v3", "v2", ""),
}

# Windows Server 2025 and 2022, the first to run older builds. Source: see has_version_for.
_LONG_TERM_BUILDS = (26100, 20348)
_BUILD = r"([0-9]+)\.([0-9]+)\.([0-9]+)(?:\.|$)"


def parse_arch(text: str) -> Arch:
    """Return the architecture that docker-library calls `text`; raises InputError with the known names."""
    try:
        return Arch(text)
    except ValueError:
        known = ", ".join(arch.value for arch in Arch)
        raise InputError(f"`{text}` is not an architecture of official images", hint=f"known: {known}") from None


def host_arch() -> Arch:
    """Return the architecture of this machine; raises InputError where official images have none for it."""
    machine = host.machine()
    if machine not in _MACHINES:
        raise InputError(f"this machine is `{machine}`, which no official image is built for")
    return _MACHINES[machine]


def parse_platform(text: str) -> Platform:
    """Return the platform that `--platform` names: "linux/arm64", "linux/arm/v7", "windows/amd64" or "arm64".

    Aliases are written in their normal form: x86_64 becomes amd64, arm64 becomes arm64/v8. A version of the system may
    follow it in brackets: "windows(10.0.26100.1)/amd64".
    Source: Parse and Normalize of containerd/platforms.
    """
    parts = text.lower().split("/")
    versioned = re.fullmatch(_VERSIONED, parts[0])
    version = versioned[2] if versioned else ""
    parts[0] = versioned[1] if versioned else parts[0]
    if not all(parts) or len(parts) > 3 or any(part.strip(_COMPONENT) for part in parts):  # noqa: PLR2004 - with variant
        raise InputError(f"`{text}` is not a platform", hint="write os/architecture[/variant], such as linux/arm64/v8")
    system, architecture, *rest = parts if len(parts) > 1 else _pair(parts[0])
    architecture, alias_variant = _ARCHITECTURE_ALIASES.get(architecture, (architecture, ""))
    variant = rest[0] if rest else alias_variant or _DEFAULT_VARIANTS.get(architecture, "")
    variant = _NO_VARIANT.get((architecture, variant), variant)
    return Platform(architecture, os=system, os_version=version, variant=variant)


def _pair(name: str) -> list[str]:
    """Return system and architecture where only one of them is named; the other is this machine's."""
    if re.fullmatch(_SYSTEM, name):
        return [name, PLATFORMS[host_arch()].architecture]
    if re.fullmatch(_ARCHITECTURE, name) or name in _ARCHITECTURE_ALIASES:
        return ["linux", name]
    mend = "write os/architecture[/variant], such as linux/arm64/v8"
    raise InputError(f"`{name}`: unknown operating system or architecture", hint=mend)


def fitting_platforms(platform: Platform) -> list[Platform]:
    """Return the platforms whose images run on `platform`, the best first: for linux/arm/v7 also v6 and v5."""
    wanted = parse_platform(str(platform))
    variants = _VARIANTS.get(wanted.architecture, ())
    lower = variants[variants.index(wanted.variant) :] if wanted.variant in variants else (wanted.variant,)
    return [Platform(wanted.architecture, wanted.os, variant=variant) for variant in lower]


def fits(platform: Platform, wanted: Platform) -> bool:
    """Tell whether an image for `platform` runs on `wanted`."""
    return parse_platform(str(platform)) in fitting_platforms(wanted) and has_version_for(platform, wanted)


def has_version_for(platform: Platform, wanted: Platform) -> bool:
    """Tell whether a Windows of the version in `wanted` runs images for that of `platform`; none suits all.

    A Windows runs what has its own build, "10.0.20348"; from then on also older ones, down to the last long-term build.
    Source: platform_windows_compat.go of containerd/platforms.
    """
    host = _windows_build(wanted.os_version)
    if wanted.os != "windows" or not platform.os_version or not any(host):
        return True
    image = _windows_build(platform.os_version)
    lowest = next((build for build in _LONG_TERM_BUILDS if build <= host[2]), host[2])
    return image[:2] == host[:2] and lowest <= image[2] <= host[2]


def _windows_build(version: str) -> tuple[int, ...]:
    """Return the first three numbers of a version, zeros where it has no such numbers."""
    found = re.match(_BUILD, version)
    return tuple(map(int, found.groups())) if found else (0, 0, 0)


def platform_arch(platform: Platform) -> Arch:
    """Return docker-library's name of `platform`; raises InputError where it has none."""
    wanted = parse_platform(str(platform))
    for arch, known in PLATFORMS.items():
        if known == wanted:
            return arch
    raise InputError(f"no official image is built for {platform}")
