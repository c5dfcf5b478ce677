"""Warnings about a Dockerfile, with what is known of its base images and context.

Source: validateBaseImagePlatform and validateCopySourcePath of dockerfile2llb in moby/buildkit.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from brewhouse.build.graph import Plan, find_target, plan_stages
from brewhouse.build.instruct import environment_of
from brewhouse.build.reading import full_name, global_arguments, read_dockerfile
from brewhouse.build.request import BuildRequest
from brewhouse.dockerfile.dockerignore import parse_dockerignore
from brewhouse.dockerfile.golang import quote
from brewhouse.dockerfile.instruction import Add, Copy, Dockerfile, DockerfileWarning
from brewhouse.dockerfile.lint import lint, parse_check
from brewhouse.dockerfile.lint_stage import Base
from brewhouse.dockerfile.parse import parse_dockerfile
from brewhouse.errors import BrewError, DockerfileError
from brewhouse.model import Image
from brewhouse.oci.platform import Platform

_WHILE_READING = ("StageNameCasing", "FromAsCasing", "MaintainerDeprecated", "InvalidDefinitionDescription")


def check_build(request: BuildRequest) -> tuple[tuple[DockerfileWarning, ...], BrewError | None]:
    """Return the warnings about a Dockerfile, and why its build cannot even begin or must not end, if so.

    They are of all stages, or of those that a target needs; what can be seen in the file alone is told of all.
    """
    try:
        dockerfile = read_dockerfile(request)
    except DockerfileError as error:
        line = error.location.start if error.location else 1
        problem = f"dockerfile parse error on line {line}: {error.problem}"
        fault = DockerfileError(problem, hint=error.hint, location=error.location)
        return _warnings_before(error, request), fault
    try:
        everything = range(len(dockerfile.stages))
        targets = [find_target(dockerfile, request.target)] if request.target else everything
        plans = plan_stages(dockerfile, targets, request, global_arguments(dockerfile, request))
    except BrewError as error:
        return lint(dockerfile), error
    warnings = find_warnings(dockerfile, request, plans, fail=False)
    return warnings, _lint_violation(dockerfile, warnings)


def find_warnings(
    dockerfile: Dockerfile, request: BuildRequest, plans: Mapping[int, Plan], *, fail: bool = True
) -> tuple[DockerfileWarning, ...]:
    """Return all warnings; with `fail` raises DockerfileError where `error=true` is set and there are some."""
    bases = {index: plan.base for index, plan in plans.items() if isinstance(plan.base, Image)}
    configs = {index: base.config.value.config for index, base in bases.items()}
    facts = {index: Base(environment_of(config.env), bool(config.shell)) for index, config in configs.items()}
    further = [*_platforms(plans, bases), *_ignored(plans, request)]
    warnings = lint(dockerfile, facts, further, plans.keys())
    violation = _lint_violation(dockerfile, warnings)
    if fail and violation:
        raise violation
    return warnings


def _lint_violation(dockerfile: Dockerfile, warnings: Sequence[DockerfileWarning]) -> DockerfileError | None:
    """Return the error that the warnings are where `# check=error=true` says so."""
    if not warnings or not parse_check(dockerfile.directives.check).error:
        return None
    rules = ", ".join(dict.fromkeys(warning.rule for warning in warnings))
    mend = "see them all: brewhouse build --check"
    return DockerfileError(f"lint violation found for rules: {rules}", hint=mend, location=warnings[0].location)


def _warnings_before(error: DockerfileError, request: BuildRequest) -> tuple[DockerfileWarning, ...]:
    """Return the warnings that reading the Dockerfile gave before it came to the fault."""
    if error.location is None:
        return ()
    readable = request.dockerfile.split(b"\n")[: error.location.start - 1]
    try:
        dockerfile = parse_dockerfile(b"\n".join(readable), request.name)
        return tuple(warning for warning in lint(dockerfile) if warning.rule in _WHILE_READING)
    except DockerfileError:
        return ()


def _platforms(plans: Mapping[int, Plan], bases: Mapping[int, Image]) -> Iterator[DockerfileWarning]:
    for index, base in bases.items():
        plan, found = plans[index], base.config.value.platform
        if (found.os, found.architecture) != (plan.platform.os, plan.platform.architecture):
            message = f"Base image {plan.stage.from_.image} was pulled with platform {_quoted(found)}"
            message += f", expected {_quoted(plan.platform)} for current build"
            yield DockerfileWarning("InvalidBaseImagePlatform", message, plan.stage.from_.location)


def _quoted(platform: Platform) -> str:
    return quote(full_name(platform))


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
