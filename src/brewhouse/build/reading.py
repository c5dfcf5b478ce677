"""What a build reads first: the Dockerfile, and the arguments before its stages."""

from collections.abc import Mapping

import msgspec

from brewhouse.build.request import BuildRequest
from brewhouse.dockerfile.instruction import Arg, Dockerfile
from brewhouse.dockerfile.parse import parse_dockerfile
from brewhouse.dockerfile.words import process_word
from brewhouse.errors import DockerfileError
from brewhouse.oci.platform import PLATFORMS, Platform, host_arch

_CHECK = "BUILDKIT_DOCKERFILE_CHECK"


def read_dockerfile(request: BuildRequest) -> Dockerfile:
    """Return the parsed Dockerfile; the build argument BUILDKIT_DOCKERFILE_CHECK replaces its `# check=`."""
    dockerfile = parse_dockerfile(request.dockerfile, request.name)
    if _CHECK not in request.build_args:
        return dockerfile
    directives = msgspec.structs.replace(dockerfile.directives, check=request.build_args[_CHECK])
    return msgspec.structs.replace(dockerfile, directives=directives)


def global_arguments(dockerfile: Dockerfile, request: BuildRequest) -> dict[str, str]:
    """Return the ARGs before the first FROM, and the predefined ones that tell of platforms.

    Source: reference.md of BuildKit, "Automatic platform ARGs in the global scope".
    """
    known = {**_platform_arguments("BUILD", PLATFORMS[host_arch()]), **_platform_arguments("TARGET", request.platform)}
    known["TARGETSTAGE"] = request.target or dockerfile.stages[-1].name or "default"
    known |= {name: value for name, value in request.build_args.items() if name in known}
    for instruction in dockerfile.global_args:
        known |= _declared(instruction, known, request.build_args, dockerfile.directives.escape)
    return known


def _declared(instruction: Arg, known: Mapping[str, str], build_args: Mapping[str, str], escape: str) -> dict[str, str]:
    values = {}
    for argument in instruction.arguments:
        value = build_args.get(argument.name)
        if value is None and argument.default is not None:
            try:
                value = process_word(argument.default, known, escape)
            except DockerfileError as error:
                place = instruction.location
                raise error.at(place) from error
        if value is not None:
            values[argument.name] = value
    return values


def _platform_arguments(prefix: str, platform: Platform) -> dict[str, str]:
    """Return TARGETPLATFORM and its parts, or BUILDPLATFORM's."""
    variant = "" if platform.architecture == "arm64" else platform.variant
    return {
        f"{prefix}PLATFORM": full_name(platform),
        f"{prefix}OS": platform.os,
        f"{prefix}OSVERSION": platform.os_version,
        f"{prefix}ARCH": platform.architecture,
        f"{prefix}VARIANT": variant,
    }


def full_name(platform: Platform) -> str:
    """Write a platform as BuildKit does: "linux/arm64" without its only variant, "windows(10.0.26100.1)/amd64"."""
    variant = "" if platform.architecture == "arm64" else platform.variant
    system = f"{platform.os}({platform.os_version})" if platform.os_version else platform.os
    return "/".join(part for part in (system, platform.architecture, variant) if part)
