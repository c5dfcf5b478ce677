"""Warnings about a Dockerfile, with what is known of its base images and context.

Source: validateBaseImagePlatform and validateCopySourcePath of dockerfile2llb in moby/buildkit.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from brewhouse.build.graph import Plan
from brewhouse.build.instruct import environment_of
from brewhouse.build.request import BuildRequest
from brewhouse.dockerfile.dockerignore import parse_dockerignore
from brewhouse.dockerfile.golang import quote
from brewhouse.dockerfile.instruction import Add, Copy, Dockerfile, DockerfileWarning
from brewhouse.dockerfile.lint import lint, parse_check
from brewhouse.dockerfile.lint_stage import Base
from brewhouse.dockerfile.parse import parse_dockerfile
from brewhouse.errors import DockerfileError
from brewhouse.model import Image
from brewhouse.oci.platform import Platform

CHECK = "BUILDKIT_DOCKERFILE_CHECK"
_WHILE_READING = ("StageNameCasing", "FromAsCasing", "MaintainerDeprecated", "InvalidDefinitionDescription")


def read_dockerfile(request: BuildRequest) -> Dockerfile:
    """Return the parsed Dockerfile; the build argument BUILDKIT_DOCKERFILE_CHECK replaces its `# check=`."""
    dockerfile = parse_dockerfile(request.dockerfile, request.name)
    if CHECK not in request.build_args:
        return dockerfile
    directives = msgspec.structs.replace(dockerfile.directives, check=request.build_args[CHECK])
    return msgspec.structs.replace(dockerfile, directives=directives)


def warnings_before(error: DockerfileError, request: BuildRequest) -> tuple[DockerfileWarning, ...]:
    """Return the warnings that reading the Dockerfile gave before it came to the fault."""
    if error.location is None:
        return ()
    readable = request.dockerfile.split(b"\n")[: error.location.start - 1]
    try:
        dockerfile = parse_dockerfile(b"\n".join(readable), request.name)
        return tuple(warning for warning in lint(dockerfile) if warning.rule in _WHILE_READING)
    except DockerfileError:
        return ()


def lint_violation(dockerfile: Dockerfile, warnings: Sequence[DockerfileWarning]) -> DockerfileError | None:
    """Return the error that the warnings are where `# check=error=true` says so."""
    if not warnings or not parse_check(dockerfile.directives.check).error:
        return None
    rules = ", ".join(dict.fromkeys(warning.rule for warning in warnings))
    mend = "see them all: brewhouse build --check"
    return DockerfileError(f"lint violation found for rules: {rules}", hint=mend, location=warnings[0].location)


def find_warnings(
    dockerfile: Dockerfile, request: BuildRequest, plans: Mapping[int, Plan], *, fail: bool = True
) -> tuple[DockerfileWarning, ...]:
    """Return all warnings; with `fail` raises DockerfileError where `error=true` is set and there are some."""
    bases = {index: plan.base for index, plan in plans.items() if isinstance(plan.base, Image)}
    configs = {index: base.config.value.config for index, base in bases.items()}
    facts = {index: Base(environment_of(config.env), bool(config.shell)) for index, config in configs.items()}
    further = [*_platforms(plans, bases), *_ignored(plans, request)]
    warnings = lint(dockerfile, facts, further)
    violation = lint_violation(dockerfile, warnings)
    if fail and violation:
        raise violation
    return warnings


def _platforms(plans: Mapping[int, Plan], bases: Mapping[int, Image]) -> Iterator[DockerfileWarning]:
    for index, base in bases.items():
        plan, found = plans[index], base.config.value.platform
        if (found.os, found.architecture) != (plan.platform.os, plan.platform.architecture):
            message = f"Base image {plan.stage.from_.image} was pulled with platform {_quoted(found)}"
            message += f", expected {_quoted(plan.platform)} for current build"
            yield DockerfileWarning("InvalidBaseImagePlatform", message, plan.stage.from_.location)


def _quoted(platform: Platform) -> str:
    return quote(str(platform))


def _ignored(plans: Mapping[int, Plan], request: BuildRequest) -> Iterator[DockerfileWarning]:
    """Yield a warning for each source that .dockerignore takes out of the context."""
    if not request.ignore.strip():
        return
    ignore = parse_dockerignore(request.ignore, ".dockerignore")
    for plan in plans.values():
        for instruction in plan.instructions:
            for source in _context_sources(instruction):
                if ignore.hides(source):
                    keyword = type(instruction).__name__
                    message = f"Attempting to {keyword} file {quote(source)} that is excluded by .dockerignore"
                    yield DockerfileWarning("CopyIgnoredFile", message, instruction.location)


def _context_sources(instruction: object) -> Sequence[str]:
    match instruction:
        case Copy() if not instruction.from_:
            sources = instruction.sources
        case Add():
            sources = tuple(source for source in instruction.sources if "://" not in source)
        case _:
            return ()
    return [posixpath.normpath(source) for source in sources if "$" not in source]
