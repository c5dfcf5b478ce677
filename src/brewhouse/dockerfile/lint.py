"""What is allowed in a Dockerfile but should not be there: the rules of `--call=check`.

Rules that need more than the file (InvalidBaseImagePlatform, CopyIgnoredFile) are in `build/check`.
Source: linter/ and dockerfile2llb/validations.go of moby/buildkit; https://docs.docker.com/reference/build-checks/.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from brewhouse.dockerfile.golang import parse_bool, quote
from brewhouse.dockerfile.instruction import (
    Arg,
    Dockerfile,
    DockerfileWarning,
    From,
    Instruction,
    Location,
    Maintainer,
    Stage,
)
from brewhouse.dockerfile.lint_stage import Base, Given, lint_stages
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.dockerfile.words import Rules, process, process_word
from brewhouse.errors import DockerfileError, InputError
from brewhouse.oci.platform import parse_platform
from brewhouse.oci.reference import parse_reference

_PLATFORM_ARGUMENTS = tuple(
    f"{side}{part}" for side in ("TARGET", "BUILD") for part in ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT")
)
_TARGET_STAGE = "TARGETSTAGE"
_RESERVED = ("context", "scratch")
_EXPERIMENTAL = ("InvalidDefinitionDescription",)
_NAMED_FROM_WORDS = 4


class CheckOptions(msgspec.Struct, frozen=True):
    """Which rules are off, which experimental ones are on ("all" for all), and whether a warning fails the build."""

    skip: frozenset[str] = frozenset()
    experimental: frozenset[str] = frozenset()
    error: bool = False

    def allows(self, rule: str) -> bool:
        """Tell whether a rule is in force."""
        is_asked_for = not self.experimental.isdisjoint((rule, "all"))
        return (is_asked_for or rule not in _EXPERIMENTAL) and not self.skips(rule)

    def skips(self, rule: str) -> bool:
        """Tell whether a rule is off by name."""
        return not self.skip.isdisjoint((rule, "all"))


def parse_check(text: str) -> CheckOptions:
    """Return the options of `# check=` or of BUILDKIT_DOCKERFILE_CHECK.

    "skip=MaintainerDeprecated,UndefinedVar;error=true"; "skip=all".
    """
    options = {"skip": "", "experimental": "", "error": "false"}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        key, equals, value = part.partition("=")
        if key not in options or not equals:
            raise DockerfileError(f"invalid check option {quote(part)}{did_you_mean(key, options)}")
        options[key] = value
    return CheckOptions(_names(options["skip"]), _names(options["experimental"]), parse_bool(options["error"]))


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def lint(
    dockerfile: Dockerfile,
    bases: Mapping[int, Base] | None = None,
    further: Iterable[DockerfileWarning] = (),
    stages: Collection[int] | None = None,
    given: Given | None = None,
) -> tuple[DockerfileWarning, ...]:
    """Return the warnings of all rules that the file's own `# check=` leaves on, in the order of their lines.

    `bases` tells of base images by the index of a stage. Without it nothing is said about undefined variables in stages
    on foreign images, since any of them may come from there. `further` are warnings of rules that need more than the
    file; they can be turned off as all others. With `stages` rules about instructions look at these only. `given`
    is what variables have besides their defaults.
    """
    given = given or Given()
    options = check_options(dockerfile)
    own = {place.location: _options(_own_check(place.comments), place.location) for place in _instructions(dockerfile)}
    found = (
        warning
        for warning in (
            *_all_rules(dockerfile, given),
            *lint_stages(dockerfile, bases or {}, stages, given),
            *further,
        )
        if options.allows(warning.rule) and not own.get(warning.location, options).skips(warning.rule)
    )
    return tuple(sorted(found, key=lambda warning: warning.location.start))


def check_options(dockerfile: Dockerfile) -> CheckOptions:
    """Return the options of a file's own `# check=`; raises DockerfileError, with its place, for what is none."""
    return _options(dockerfile.directives.check, Location(dockerfile.stages[0].from_.location.file, 1, 1))


def _options(check: str, location: Location) -> CheckOptions:
    try:
        return parse_check(check)
    except DockerfileError as error:
        problem = f"failed to parse check options: {error.problem}"
        raise DockerfileError(problem, hint=error.hint, location=location) from error


def _own_check(comments: Iterable[str]) -> str:
    """Return what the comments above an instruction turn off, a reason behind it or not: "skip=UndefinedVar // why"."""
    found = (comment.removeprefix("check=") for comment in comments if comment.startswith("check="))
    return ";".join(check.split(maxsplit=1)[0] for check in found if check.strip())


def _instructions(dockerfile: Dockerfile) -> Iterator[From | Instruction]:
    yield from dockerfile.global_args
    for stage in dockerfile.stages:
        yield stage.from_
        yield from stage.instructions


def _all_rules(dockerfile: Dockerfile, given: Given) -> Iterator[DockerfileWarning]:
    """Yield what can be seen in the file alone, whichever stages are built."""
    for warning in dockerfile.warnings:
        yield msgspec.structs.replace(warning, message="Empty continuation line")
    yield from _casing(dockerfile)
    yield from _stage_names(dockerfile)
    yield from _descriptions(dockerfile)
    for stage in dockerfile.stages:
        yield from _from_rules(stage, dockerfile, given)
        yield from _own_casing(stage.from_)
        for instruction in stage.instructions:
            if isinstance(instruction, Maintainer):
                message = "Maintainer instruction is deprecated in favor of using label"
                yield DockerfileWarning("MaintainerDeprecated", message, instruction.location)


def _keyword(instruction: From | Instruction) -> str:
    return instruction.original.split(maxsplit=1)[0]


def _casing(dockerfile: Dockerfile) -> Iterator[DockerfileWarning]:
    """Ask for the case that most instructions have."""
    instructions = [place for stage in dockerfile.stages for place in (stage.from_, *stage.instructions)]
    keywords = [_keyword(instruction) for instruction in instructions]
    want_lower = sum(map(str.islower, keywords)) > sum(map(str.isupper, keywords))
    for keyword, instruction in zip(keywords, instructions, strict=True):
        if not (keyword.islower() if want_lower else keyword.isupper()):
            wanted = "lowercase" if want_lower else "uppercase"
            message = f"Command '{keyword}' should match the case of the command majority ({wanted})"
            yield DockerfileWarning("ConsistentInstructionCasing", message, instruction.location)


def _own_casing(from_: From) -> Iterator[DockerfileWarning]:
    if from_.alias != from_.alias.lower():
        message = f"Stage name '{from_.alias}' should be lowercase"
        yield DockerfileWarning("StageNameCasing", message, from_.location)
    keyword, as_word = _keyword(from_), from_.original.split()[-2] if from_.alias else ""
    for is_case in (str.islower, str.isupper):
        if as_word and is_case(keyword) and not is_case(as_word):
            message = f"'{as_word}' and '{keyword}' keywords' casing do not match"
            yield DockerfileWarning("FromAsCasing", message, from_.location)


def _stage_names(dockerfile: Dockerfile) -> Iterator[DockerfileWarning]:
    seen: set[str] = set()
    for stage in dockerfile.stages:
        if stage.name in _RESERVED:
            message = f"Stage name should not use the same name as reserved stage {quote(stage.name)}"
            yield DockerfileWarning("ReservedStageName", message, stage.from_.location)
        if stage.name in seen:
            message = f"Duplicate stage name {quote(stage.name)}, stage names should be unique"
            yield DockerfileWarning("DuplicateStageName", message, stage.from_.location)
        seen |= {stage.name} - {""}


def _descriptions(dockerfile: Dockerfile) -> Iterator[DockerfileWarning]:
    """Ask that a comment right above ARG or FROM begins with the name it describes."""
    for instruction in _instructions(dockerfile):
        names: list[str] = []
        if isinstance(instruction, From) and instruction.alias:
            names = [instruction.alias.lower()]
        elif isinstance(instruction, Arg):
            names = [argument.name for argument in instruction.arguments]
        if names and instruction.comments and instruction.comments[-1].split(" ")[0] not in names:
            keyword = type(instruction).__name__.upper()
            example = names[0] if len(names) == 1 else "<arg_key>"
            message = f"Comment for {keyword} should follow the format: `# {example} <description>`"
            yield DockerfileWarning("InvalidDefinitionDescription", message, instruction.location)


def _from_rules(stage: Stage, dockerfile: Dockerfile, given: Given) -> Iterator[DockerfileWarning]:
    """Look at what stands in FROM before it is built: undeclared arguments, and defaults that lead nowhere."""
    from_, rules = stage.from_, Rules(escape=dockerfile.directives.escape)
    try:
        known = _default_arguments(dockerfile, given)
        image = process(from_.image, known, rules)
        platform = process(from_.platform, known, rules)
    except DockerfileError:
        return  # the build will refuse it, which says more than a warning
    declared = {argument.name for arg in dockerfile.global_args for argument in arg.arguments} | set(known)
    for name in sorted((image.unmatched | platform.unmatched) - declared):
        message = f"FROM argument '{name}' is not declared{did_you_mean(name, declared)}"
        yield DockerfileWarning("UndefinedArgInFrom", message, from_.location)
    if not _is_reference(image.text):
        message = f"Default value for ARG {from_.image} results in empty or invalid base image name"
        yield DockerfileWarning("InvalidDefaultArgInFrom", message, from_.location)
    if platform.matched == {"TARGETPLATFORM"} and not platform.unmatched and platform.text == known["TARGETPLATFORM"]:
        message = (
            f"Setting platform to predefined {from_.platform} in FROM is redundant as this is the default behavior"
        )
        yield DockerfileWarning("RedundantTargetPlatform", message, from_.location)
    if platform.text and not platform.matched and not platform.unmatched and _is_strange(platform.text, stage.name):
        message = f"FROM --platform flag should not use constant value {quote(platform.text)}"
        yield DockerfileWarning("FromPlatformFlagConstDisallowed", message, from_.location)


def _default_arguments(dockerfile: Dockerfile, given: Given) -> dict[str, str]:
    """Return the global arguments as they are when no --build-arg is given, predefined ones as in this build."""
    unknown = {name: "linux/amd64" if name.endswith("PLATFORM") else "" for name in _PLATFORM_ARGUMENTS}
    known = {name: given.global_args.get(name, value) for name, value in unknown.items()}
    known[_TARGET_STAGE] = dockerfile.stages[-1].name
    for arg in dockerfile.global_args:
        for argument in arg.arguments:
            if argument.default is not None:
                known[argument.name] = process_word(argument.default, known, dockerfile.directives.escape)
    return known


def _is_reference(text: str) -> bool:
    try:
        parse_reference(text)
    except InputError:
        return False
    return True


def _is_strange(platform: str, stage_name: str) -> bool:
    """Tell whether a stage of this name gives no hint that it is for one platform only."""
    try:
        parsed = parse_platform(platform)
    except InputError:
        return False
    return parsed.os not in stage_name and parsed.architecture not in stage_name
