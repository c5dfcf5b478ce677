"""Which stages a build needs, and what each is built on: pure but for looking up base images.

Source: toDispatchState and its callers in dockerfile2llb of moby/buildkit.
"""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

import msgspec

from brewhouse.build.request import BuildRequest
from brewhouse.dockerfile.instruction import Copy, Dockerfile, Instruction, Onbuild, Run, Stage
from brewhouse.dockerfile.parse import parse_trigger
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.dockerfile.words import process_word
from brewhouse.errors import DockerfileError, InputError
from brewhouse.model import Image
from brewhouse.oci.platform import Platform, parse_platform
from brewhouse.oci.reference import parse_reference


class Scratch(msgspec.Struct, frozen=True):
    """FROM scratch: nothing."""


class Folder(msgspec.Struct, frozen=True):
    """A folder that a named context stands for."""

    path: str


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
    dockerfile: Dockerfile, target: int, request: BuildRequest, global_args: Mapping[str, str]
) -> dict[int, Plan]:
    """Return the stages that `target` needs, by index; the others are not looked at."""
    planner = _Planner(dockerfile, request, global_args)
    plans: dict[int, Plan] = {}
    todo = [target]
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
        self._images: dict[tuple[str, Platform], Image] = {}
        self._opened: dict[tuple[str, Platform], Origin] = {}

    def plan(self, index: int) -> Plan:
        """Return the plan of one stage."""
        stage = self._dockerfile.stages[index]
        platform = self._platform(stage)
        name = self._expand(stage.from_.image, stage)
        if not name:
            raise _fault(f"base name `{stage.from_.image}` is empty", stage)
        base = self._origin(name, platform, stage, allow_index=False)
        triggers = [parse_trigger(text, location=stage.from_.location) for text in self._triggers(base)]
        instructions = (*triggers, *stage.instructions)
        origins = {text: self._origin(self._expand(text, stage), platform, stage) for text in _used_names(instructions)}
        return Plan(stage, platform, base, instructions, len(triggers), origins)

    def _platform(self, stage: Stage) -> Platform:
        """Return the platform of FROM --platform, else the build's."""
        text = self._expand(stage.from_.platform, stage) if stage.from_.platform else ""
        return parse_platform(text) if text else self._request.platform

    def _expand(self, text: str, stage: Stage) -> str:
        try:
            return process_word(text, self._args, self._dockerfile.directives.escape)
        except DockerfileError as error:
            raise _fault(error.problem, stage) from error

    def _origin(self, name: str, platform: Platform, stage: Stage, *, allow_index: bool = True) -> Origin:
        """Return what a name means: a named context, a former stage, scratch, or an image."""
        named = self._request.contexts.get(name) or self._request.contexts.get(name.lower())
        if named is not None:
            return self._named_context(named, platform)
        index = self._stage_index(name, stage, allow_index=allow_index)
        if index is not None:
            return index
        if name == "scratch":
            return Scratch()
        return self._image(name, platform)

    def _stage_index(self, name: str, stage: Stage, *, allow_index: bool) -> int | None:
        stages = self._dockerfile.stages
        for former in reversed(stages[: stage.index]):
            if former.name and former.name == name.lower():
                return former.index
        if allow_index and name.isdecimal():
            if int(name) < stage.index:
                return int(name)
            raise DockerfileError(
                f"invalid stage index {name}: it must be below {stage.index}", location=stage.from_.location
            )
        if any(later.name == name.lower() for later in stages[stage.index :] if later.name) and allow_index:
            message = f"cannot copy from stage `{name}`, it needs to be defined before current stage `{stage.name}`"
            raise _fault(message, stage)
        return None

    def _named_context(self, text: str, platform: Platform) -> Origin:
        if text.startswith("docker-image://"):
            return self._image(text.removeprefix("docker-image://"), platform)
        if text.startswith("target:"):
            return find_target(self._dockerfile, text.removeprefix("target:"))
        if (text, platform) not in self._opened:
            found = self._request.open_context(text, platform)
            self._opened[text, platform] = found if isinstance(found, Image) else Folder(str(found))
        return self._opened[text, platform]

    def _image(self, name: str, platform: Platform) -> Image:
        if (name, platform) not in self._images:
            self._images[name, platform] = self._request.find_image(parse_reference(name), platform)
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


def _used_names(instructions: Sequence[Instruction]) -> Iterator[str]:
    """Yield the texts of all COPY --from and RUN --mount from."""
    for instruction in instructions:
        if isinstance(instruction, Copy) and instruction.from_:
            yield instruction.from_
        if isinstance(instruction, Run):
            yield from (mount.from_ for mount in instruction.mounts if mount.from_)
