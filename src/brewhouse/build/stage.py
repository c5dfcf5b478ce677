"""One stage: what its instructions make of the image, and the steps among them, without carrying any out."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from brewhouse.build.files.ingest import copy_task
from brewhouse.build.graph import Folder, Origin, Plan
from brewhouse.build.instruct import ROOTS, Draft, Scope, apply, child_draft, scratch_draft, stage_draft, stage_folder
from brewhouse.build.run.process import run_task
from brewhouse.build.site import Site
from brewhouse.build.sources import used_names
from brewhouse.build.task import Reading, Task
from brewhouse.build.workshop import Workshop
from brewhouse.dockerfile.expand import expand
from brewhouse.dockerfile.instruction import Add, Copy, Run, Workdir
from brewhouse.errors import located
from brewhouse.model import Image, Layer
from brewhouse.oci.document import History
from brewhouse.oci.platform import Platform
from brewhouse.system.progress.log import Step
from brewhouse.system.windows.paths import drive_path

# What BuildKit's exporter writes of a layer that no instruction made.
_EXPORTER = "buildkit.exporter.image.v0"


class Finished(msgspec.Struct, frozen=True):
    """A stage that is built: its image and its layers, base's first."""

    draft: Draft
    layers: tuple[Layer, ...]


class Work(msgspec.Struct, frozen=True):
    """An instruction that makes a layer, its variables expanded, and the image before it; `label` is for progress."""

    instruction: Run | Copy | Add | Workdir
    draft: Draft
    label: str


class Outline(msgspec.Struct, frozen=True):
    """A stage before it is built: the image that it will be, the steps to there, and what names in them mean."""

    draft: Draft
    works: tuple[Work, ...]
    origins: Mapping[str, Origin]

    def stages(self, work: Work) -> frozenset[int]:
        """Return the stages that a step reads."""
        origins = (self.origins[name] for name in used_names([work.instruction]))
        return frozenset(origin for origin in origins if isinstance(origin, int))


def outline_stage(plan: Plan, below: Draft | None, scope: Scope, platform: Platform, escape: str) -> Outline:
    """Return what a stage comes to: `below` is the image of the stage that it is built on, if it is.

    `platform` is the build's, which a folder is for.
    """
    draft, works, origins = _begin(plan, below, scope, platform)
    total = sum(isinstance(instruction, Run | Copy | Add | Workdir) for instruction in plan.instructions)
    number = 0
    for instruction in plan.instructions:
        with located(instruction.location):
            expanded = expand(instruction, draft.environment, escape=escape, given=scope.build_args)
            if isinstance(expanded, Run | Copy | Add | Workdir):
                number += 1
                works += _works(draft, expanded, f"[{plan.name} {number}/{total}]")
            draft = apply(draft, expanded, scope)
    return Outline(draft, tuple(works), origins)


def _begin(
    plan: Plan, below: Draft | None, scope: Scope, platform: Platform
) -> tuple[Draft, list[Work], Mapping[str, Origin]]:
    """Return what a stage starts from; a folder is a root file system with an empty config, and a step to fill it."""
    base = plan.base
    if below is not None:
        return stage_draft(below), [], plan.origins
    match base:
        case Image():
            return child_draft(base.config.value), [], plan.origins
        case Folder():
            history = (History(created=scope.created, comment=_EXPORTER),)
            draft = scratch_draft(platform)
            filled = msgspec.structs.replace(draft, image=msgspec.structs.replace(draft.image, history=history))
            work = _fill(plan, draft)
            return filled, [work], {**plan.origins, work.instruction.original: base}
        case _:
            return scratch_draft(plan.platform), [], plan.origins


def _fill(plan: Plan, draft: Draft) -> Work:
    """Return the step that puts all of a folder into the stage that is built on it."""
    name = plan.stage.from_.image
    original = f"FROM {name}"
    everything = Copy(
        original=original, location=plan.stage.from_.location, sources=(".",), destination="/", from_=original
    )
    return Work(everything, draft, f"[context {name}] load from client")


def _works(draft: Draft, instruction: Run | Copy | Add | Workdir, label: str) -> Iterator[Work]:
    """Yield the step that an instruction is; WORKDIR of a root makes nothing."""
    if not isinstance(instruction, Workdir):
        yield Work(instruction, draft, f"{label} {instruction.original}")
    elif (path := stage_folder(draft, instruction.path)) not in ROOTS:
        yield Work(instruction, draft, f"{label} WORKDIR {path}")


def describe(site: Site, work: Work) -> Task:
    """Return what a step is known by and how it is carried out; raises InputError for what cannot be."""
    match work.instruction:
        case Run():
            if work.draft.image.os == "windows":
                from brewhouse.build.windows.process import windows_task

                return windows_task(site, work.draft, work.instruction)
            return run_task(site, work.draft, work.instruction)
        case Copy() | Add():
            return copy_task(site, work.draft, work.instruction)
        case Workdir():
            return _workdir_task(site.shop, work.draft, work.instruction)


def _workdir_task(shop: Workshop, draft: Draft, instruction: Workdir) -> Task:
    """Return the step that makes the folder, 0755 and owned by the user in force."""
    path, user = stage_folder(draft, instruction.path), draft.config.user

    def make(layers: Sequence[Layer], step: Step) -> Layer:
        from brewhouse.build.files.copy import Manner, Target
        from brewhouse.build.files.owner import find_owner

        with shop.root(layers) as root:
            known = root.path if layers else None
            owner = find_owner(known, user, step.note) if user and not shop.drives else None
            folder = root.place(drive_path(path)) if shop.drives else path
            Target(root.path, Manner(owner)).make_folders(folder)
        return root.layer()

    return Task("workdir", [path, user], lambda _: Reading(make))
