"""Which stages a build needs, and what each is built on: pure but for looking up base images.

Source: toDispatchState and its callers in dockerfile2llb of moby/buildkit.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TypeAlias

import msgspec

from brewhouse.build.inputs.context import is_remote
from brewhouse.build.request import BuildRequest
from brewhouse.build.sources import check_sources, familiar_name, find_source, parse_name, used_names
from brewhouse.dockerfile.giturl import parse_git
from brewhouse.dockerfile.golang import quote
from brewhouse.dockerfile.instruction import Dockerfile, Instruction, Onbuild, Stage
from brewhouse.dockerfile.parse import parse_trigger
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.dockerfile.words import Rules, process, process_word
from brewhouse.errors import DockerfileError, InputError, located
from brewhouse.model import Image
from brewhouse.oci.platform import Platform, parse_platform

_SCRATCH = "scratch"
_NO_CONTEXTS = ("scratch", "context")
_IMAGE = "docker-image://"
# What a name that is no image may have been meant for, beside the stages. Source: commonImageNames of dockerfile2llb.
_COMMON = ("alpine", "busybox", "centos", "debian", "fedora", "golang", "python", "ubuntu")
_COMPONENT = "^[A-Za-z0-9_.-]+$"
_SYSTEM = r"^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$"


class Scratch(msgspec.Struct, frozen=True):
    """FROM scratch: nothing."""


class Folder(msgspec.Struct, frozen=True):
    """A folder that a named context stands for, or that was fetched for it; files of a fetched tar have owners."""

    path: str
    is_fetched: bool = False
    is_owned: bool = False


Origin: TypeAlias = int | Image | Scratch | Folder
"""Where files come from: a stage by its index, an image, nothing, or a folder."""


class Plan(msgspec.Struct, frozen=True):
    """A stage that is needed: what it is built on, its instructions with the base's triggers first, and its sources.

    `origins` maps each name that COPY --from and RUN --mount from use to what it means here.
    """

    stage: Stage
    platform: Platform
    base: Origin
    instructions: tuple[Instruction, ...]
    triggers: int
    origins: Mapping[str, Origin]

    @property
    def needs(self) -> set[int]:
        """Return the indexes of the stages that must be built before this one."""
        return {origin for origin in (self.base, *self.origins.values()) if isinstance(origin, int)}

    @property
    def name(self) -> str:
        """Return what progress calls the stage: its name, or "stage-N"."""
        return self.stage.name or f"stage-{self.stage.index}"


def find_target(dockerfile: Dockerfile, target: str) -> int:
    """Return the index of the stage that `--target` names, by name or number; the last without one."""
    stages = dockerfile.stages
    if not target:
        return len(stages) - 1
    for stage in reversed(stages):
        if stage.name and stage.name == target.lower():
            return stage.index
    if target.isdecimal() and int(target) < len(stages):
        return int(target)
    names = [stage.name for stage in stages if stage.name]
    known = "stages: " + (", ".join(names) or f"0 to {len(stages) - 1}")
    raise InputError(f'target stage "{target}" could not be found{did_you_mean(target, names)}', hint=known)


def plan_stages(
    dockerfile: Dockerfile, targets: Iterable[int], request: BuildRequest, global_args: Mapping[str, str]
) -> dict[int, Plan]:
    """Return the stages that `targets` need, by index; of the others only FROM and the sources are looked at."""
    planner = _Planner(dockerfile, request, global_args)
    for stage in dockerfile.stages:
        planner.check(stage)
    check_sources(dockerfile.stages)
    plans: dict[int, Plan] = {}
    todo = list(targets)
    while todo:
        index = todo.pop()
        if index not in plans:
            plans[index] = planner.plan(index)
            todo += plans[index].needs
    _check_order(plans)
    return plans


def _check_order(plans: Mapping[int, Plan]) -> None:
    """Raise InputError for stages that need each other, as a context `target:` may have it."""
    try:
        TopologicalSorter({index: plan.needs for index, plan in plans.items()}).prepare()
    except CycleError as error:
        names = " -> ".join(plans[index].name for index in error.args[1])
        raise InputError(f"stages need each other: {names}", hint="check --build-context NAME=target:STAGE") from None


class _Planner:
    """Looks up what names mean, each image once."""

    def __init__(self, dockerfile: Dockerfile, request: BuildRequest, global_args: Mapping[str, str]) -> None:
        self._dockerfile = dockerfile
        self._request = request
        self._args = global_args
        self._contexts = {familiar_name(name): text for name, text in request.contexts.items()}
        self._images: dict[tuple[str, Platform], Image] = {}
        self._opened: dict[tuple[str, Platform], Origin] = {}

    def check(self, stage: Stage) -> None:
        """Raise DockerfileError for a FROM that can mean nothing, whether the stage is needed or not."""
        self._platform(stage)
        if stage.name and self._contexts and familiar_name(stage.name) in self._contexts:
            return
        name = self._expand(stage.from_.image, stage)
        if not name:
            raise _fault(f"base name ({stage.from_.image}) should not be blank", stage)
        if name != _SCRATCH and not self._above(name, stage):
            with located(stage.from_.location):
                parse_name(name)

    def plan(self, index: int) -> Plan:
        """Return the plan of one stage; a context of its name stands for all of it."""
        stage = self._dockerfile.stages[index]
        platform = self._platform(stage)
        named = self._context(stage.name, platform) if stage.name else None
        if named is not None:
            return Plan(stage, platform, named, (), 0, {})
        with located(stage.from_.location):
            base = self._base(self._expand(stage.from_.image, stage), platform, stage)
        if isinstance(base, Scratch):
            platform = self._request.platform
        triggers = [parse_trigger(text, location=stage.from_.location) for text in self._triggers(base)]
        instructions = (*triggers, *stage.instructions)
        origins = {}
        for instruction in instructions:
            with located(instruction.location):
                for text in used_names([instruction]):
                    origins[text] = self._source(self._expand(text, stage), stage)
        return Plan(stage, platform, base, instructions, len(triggers), origins)

    def _platform(self, stage: Stage) -> Platform:
        """Return the platform of FROM --platform, else the build's."""
        if not stage.from_.platform:
            return self._request.platform
        text = self._expand(stage.from_.platform, stage)
        if not text:
            similar = self._similar(stage.from_.platform)
            raise _fault(f"empty platform value from expression {stage.from_.platform}{similar}", stage)
        try:
            return parse_platform(text)
        except InputError as error:
            problem = f"failed to parse platform {stage.from_.platform}: {_platform_problem(text)}"
            similar = self._similar(stage.from_.platform)
            raise DockerfileError(problem + similar, hint=error.hint, location=stage.from_.location) from error

    def _similar(self, text: str) -> str:
        """Return a hint for the first variable in `text` that is spelt nearly like one that there is."""
        unknown = process(text, self._args, Rules(escape=self._dockerfile.directives.escape)).unmatched
        return next(filter(None, (did_you_mean(name, self._args) for name in sorted(unknown))), "")

    def _expand(self, text: str, stage: Stage) -> str:
        try:
            return process_word(text, self._args, self._dockerfile.directives.escape)
        except DockerfileError as error:
            raise _fault(error.problem, stage) from error

    def _base(self, name: str, platform: Platform, stage: Stage) -> Origin:
        """Return what FROM means: a stage above, a named context, scratch, or an image."""
        above = self._above(name, stage)
        return self._stage(above[-1], platform) if above else self._foreign(name, platform)

    def _above(self, name: str, stage: Stage) -> list[int]:
        """Return the stages of a name above `stage`.

        Stages have names in lower case, and FROM alone asks for them as it is written, as in BuildKit.
        """
        return [former.index for former in self._dockerfile.stages[: stage.index] if former.name == name]

    def _source(self, name: str, stage: Stage) -> Origin:
        """Return what COPY --from and a mount's from mean: a stage above, a named context, or an image.

        An image is taken for the build's platform, whatever the stage's own is.
        """
        stages = self._dockerfile.stages
        index = find_source(name, stages)
        if index is None:
            return self._foreign(name, self._request.platform)
        if index >= stage.index and self._context(stages[index].name, self._request.platform) is None:
            own = stage.name or f"stage-{stage.index}"
            raise _fault(
                f"cannot copy from stage {quote(name)}, it needs to be defined before current stage {quote(own)}", stage
            )
        return self._stage(index, self._request.platform)

    def _stage(self, index: int, platform: Platform) -> Origin:
        """Return a stage, or the named context that stands for it."""
        named = self._context(self._dockerfile.stages[index].name, platform)
        return index if named is None else named

    def _foreign(self, name: str, platform: Platform) -> Origin:
        named = self._context(name, platform)
        if named is not None:
            return named
        if name == _SCRATCH:
            return Scratch()
        try:
            return self._image(name, platform)
        except InputError as error:
            similar = did_you_mean(name, [*filter(None, (stage.name for stage in self._dockerfile.stages)), *_COMMON])
            if not similar:
                raise
            raise InputError(error.message + similar) from error

    def _context(self, name: str, platform: Platform) -> Origin | None:
        """Return the named context of a name, if there is one: "busybox" is also that of docker.io/library/busybox.

        A context may be for one platform only: "busybox::linux/arm64".
        """
        if not self._contexts or name.lower() in _NO_CONTEXTS:
            return None
        familiar = familiar_name(name)
        for key in (f"{familiar}::{platform}", f"{familiar}::{_without_default(platform)}", familiar, familiar.lower()):
            if key in self._contexts:
                return self._open(self._contexts[key], platform)
        return None

    def _open(self, text: str, platform: Platform) -> Origin:
        if text.startswith(_IMAGE):
            name = text.removeprefix(_IMAGE)
            return Scratch() if name == _SCRATCH else self._image(name, platform)
        if text.startswith("target:"):
            return find_target(self._dockerfile, text.removeprefix("target:"))
        if (text, platform) not in self._opened:
            found = self._request.open_context(text, platform)
            self._opened[text, platform] = found if isinstance(found, Image) else _named_folder(found, text)
        return self._opened[text, platform]

    def _image(self, name: str, platform: Platform) -> Image:
        if (name, platform) not in self._images:
            self._images[name, platform] = self._request.find_image(parse_name(name), platform)
        return self._images[name, platform]

    def _triggers(self, base: Origin) -> Sequence[str]:
        """Return the ONBUILD instructions of an image or a former stage, to run as if they stood behind FROM."""
        if isinstance(base, Image):
            return base.config.value.config.on_build
        if isinstance(base, int):
            instructions = self._dockerfile.stages[base].instructions
            return [instruction.trigger for instruction in instructions if isinstance(instruction, Onbuild)]
        return ()


def _fault(problem: str, stage: Stage) -> DockerfileError:
    return DockerfileError(problem, location=stage.from_.location)


def _platform_problem(text: str) -> str:
    """Return what containerd says of a text that is no platform."""
    parts = text.split("/")
    for index, part in enumerate(parts):
        if index == 0 and not re.fullmatch(_SYSTEM, part):
            rule = f"OSAndVersion specifier component must match {quote(_SYSTEM)}: invalid argument"
            return f"{quote(part)} is an invalid OS component of {quote(text)}: {rule}"
        if index and not re.fullmatch(_COMPONENT, part):
            rule = f"platform specifier component must match {quote(_COMPONENT)}: invalid argument"
            return f"{quote(part)} is an invalid component of {quote(text)}: {rule}"
    reason = "unknown operating system or architecture" if len(parts) == 1 else "cannot parse platform specifier"
    return f"{quote(text)}: {reason}: invalid argument"


def _without_default(platform: Platform) -> str:
    """Return a platform as containerd writes it: arm64's only variant is left out."""
    return str(platform).removesuffix("/v8") if platform.architecture == "arm64" else str(platform)


def _named_folder(found: Path, text: str) -> Folder:
    is_fetched = is_remote(text)
    return Folder(str(found), is_fetched, is_owned=is_fetched and parse_git(text, local=True) is None)
