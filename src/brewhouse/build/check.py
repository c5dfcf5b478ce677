"""Warnings about a Dockerfile, with what is known of its base images and context.

Source: validateBaseImagePlatform and validateCopySourcePath of dockerfile2llb in moby/buildkit.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from brewhouse.build.asked import expanded
from brewhouse.build.files.ingest import check_copy
from brewhouse.build.graph import Plan, find_target, plan_stages
from brewhouse.build.instruct import Scope, environment_of
from brewhouse.build.reading import full_name, global_arguments, read_dockerfile
from brewhouse.build.request import BuildRequest
from brewhouse.dockerfile.dockerignore import parse_dockerignore
from brewhouse.dockerfile.golang import quote
from brewhouse.dockerfile.instruction import Add, Copy, Dockerfile, DockerfileWarning
from brewhouse.dockerfile.lint import check_options, lint
from brewhouse.dockerfile.lint_stage import Base, Given
from brewhouse.dockerfile.parse import empty_continuations, parse_dockerfile
from brewhouse.dockerfile.syntax import parse_syntax
from brewhouse.errors import BrewError, DockerfileError, located
from brewhouse.model import Image
from brewhouse.oci.platform import Platform

_WHILE_READING = (
    "NoEmptyContinuation",
    "StageNameCasing",
    "FromAsCasing",
    "MaintainerDeprecated",
    "InvalidDefinitionDescription",
)


def check_build(request: BuildRequest) -> tuple[tuple[DockerfileWarning, ...], BrewError | None]:
    """Return the warnings about a Dockerfile, and why its build cannot even begin or must not end, if so.

    They are of all stages, or of those that a target needs; what can be seen in the file alone is told of all.
    """
    try:
        dockerfile = read_dockerfile(request)
    except DockerfileError as error:
        return _unreadable(error, request)
    try:
        check_options(dockerfile)
    except DockerfileError as error:
        return (), error
    given = Given(request.build_args)
    try:
        given = Given(request.build_args, global_arguments(dockerfile, request))
        everything = range(len(dockerfile.stages))
        targets = [find_target(dockerfile, request.target)] if request.target else everything
        plans = plan_stages(dockerfile, targets, request, given.global_args)
    except BrewError as error:
        return lint(dockerfile, given=given), error
    warnings = find_warnings(dockerfile, request, plans, fail=False)
    refused = _fault(plans, Scope(given.build_args, given.global_args, ""), dockerfile.directives.escape)
    return warnings, refused if refused is not None else _lint_violation(dockerfile, warnings)


def _fault(plans: Mapping[int, Plan], scope: Scope, escape: str) -> BrewError | None:
    """Return why an instruction cannot be carried out, as far as can be said before anything is built."""
    try:
        for instruction in expanded(plans, scope, escape):
            if isinstance(instruction, Copy | Add):
                with located(instruction.location):
                    check_copy(instruction)
    except BrewError as error:
        return error
    return None


def find_warnings(
    dockerfile: Dockerfile, request: BuildRequest, plans: Mapping[int, Plan], *, fail: bool = True
) -> tuple[DockerfileWarning, ...]:
    """Return all warnings; with `fail` raises DockerfileError where `error=true` is set and there are some."""
    bases = {index: plan.base for index, plan in plans.items() if isinstance(plan.base, Image)}
    further = [*_platforms(plans, bases), *_ignored(plans, request)]
    given = Given(request.build_args, global_arguments(dockerfile, request))
    facts = {index: _facts(plan) for index, plan in plans.items()}
    warnings = lint(dockerfile, facts, further, plans.keys(), given)
    violation = _lint_violation(dockerfile, warnings)
    if fail and violation:
        raise violation
    return warnings


def _facts(plan: Plan) -> Base:
    triggers = plan.instructions[: plan.triggers]
    if isinstance(plan.base, Image):
        config = plan.base.config.value.config
        return Base(environment_of(config.env), bool(config.shell), triggers)
    return Base(triggers=triggers, stage=plan.base if isinstance(plan.base, int) else None)


def _lint_violation(dockerfile: Dockerfile, warnings: Sequence[DockerfileWarning]) -> DockerfileError | None:
    """Return the error that the warnings are where `# check=error=true` says so."""
    if not warnings or not check_options(dockerfile).error:
        return None
    rules = ", ".join(dict.fromkeys(warning.rule for warning in warnings))
    mend = "see them all: brewhouse build --check"
    return DockerfileError(f"lint violation found for rules: {rules}", hint=mend, location=warnings[0].location)


def _unreadable(error: DockerfileError, request: BuildRequest) -> tuple[tuple[DockerfileWarning, ...], DockerfileError]:
    """Return the warnings that reading gave before it came to the fault, and the fault in BuildKit's words.

    What has not even the form of instructions gives no warnings.
    """
    try:
        syntax = parse_syntax(request.dockerfile, request.name)
    except DockerfileError:
        return (), error
    if error.location is None:
        return (), error
    line = error.location.start
    problem = f"dockerfile parse error on line {line}: {error.problem}"
    fault = DockerfileError(problem, hint=error.hint, location=error.location)
    readable = request.dockerfile.split(b"\n")[: line - 1]
    try:
        dockerfile = parse_dockerfile(b"\n".join(readable), request.name)
    except DockerfileError:
        return (), fault
    found = lint(msgspec.structs.replace(dockerfile, warnings=empty_continuations(syntax, request.name)))
    return tuple(warning for warning in found if warning.rule in _WHILE_READING), fault


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
