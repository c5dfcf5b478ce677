"""Working through one stage: each instruction changes the draft, and some make a layer."""

from collections.abc import Mapping

import msgspec

from brewhouse.build.cache.steps import cache_key, chain_key
from brewhouse.build.files.ingest import copy_step
from brewhouse.build.graph import Folder, Plan, Scratch
from brewhouse.build.instruct import ROOTS, Draft, Scope, apply, child_draft, scratch_draft, stage_draft, stage_folder
from brewhouse.build.run.process import run_step
from brewhouse.build.site import Site
from brewhouse.build.workshop import Workshop
from brewhouse.dockerfile.expand import expand
from brewhouse.dockerfile.instruction import Add, Copy, Instruction, Run, Workdir
from brewhouse.errors import located
from brewhouse.model import Image, Layer
from brewhouse.oci.document import History
from brewhouse.system.progress.log import Step
from brewhouse.system.store.snapshot import image_layers
from brewhouse.system.windows.paths import drive_path

# What BuildKit's exporter writes of a layer that no instruction made.
_EXPORTER = "buildkit.exporter.image.v0"


class Finished(msgspec.Struct, frozen=True):
    """A stage that is done: its image so far and its layers, base's first."""

    draft: Draft
    layers: tuple[Layer, ...]


def build_stage(shop: Workshop, plan: Plan, scope: Scope, done: Mapping[int, Finished], escape: str) -> Finished:
    """Return the stage that `plan` describes, on the stages `done`; steps that the cache knows are not repeated."""
    site = Site(shop, plan.origins, {index: stage.layers for index, stage in done.items()})
    finished = _begin(shop, plan, scope, done)
    total = sum(isinstance(instruction, Run | Copy | Add | Workdir) for instruction in plan.instructions)
    number = 0
    for instruction in plan.instructions:
        number += isinstance(instruction, Run | Copy | Add | Workdir)
        with located(instruction.location):
            environment = finished.draft.environment
            expanded = expand(instruction, environment, escape=escape, given=scope.build_args)
            layers = finished.layers + _make_layers(site, finished, expanded, f"[{plan.name} {number}/{total}]")
            finished = Finished(apply(finished.draft, expanded, scope), layers)
    return finished


def _begin(shop: Workshop, plan: Plan, scope: Scope, done: Mapping[int, Finished]) -> Finished:
    """Return what the stage starts from; a folder is a root file system with an empty config."""
    base = plan.base
    match base:
        case Scratch():
            return Finished(scratch_draft(plan.platform), ())
        case Image():
            return Finished(child_draft(base.config.value), tuple(image_layers(base)))
        case Folder():
            return _on_folder(shop, plan, base, scope)
        case _:
            return Finished(stage_draft(done[base].draft), done[base].layers)


def _on_folder(shop: Workshop, plan: Plan, base: Folder, scope: Scope) -> Finished:
    """Return a stage whose only layer is all of a folder."""
    name = plan.stage.from_.image
    everything = Copy(
        original=f"FROM {name}",
        location=plan.stage.from_.location,
        sources=(".",),
        destination="/",
        from_=name,
    )
    draft = scratch_draft(shop.request.platform)
    with located(everything.location), shop.progress.step(f"[context {name}] load from client") as step:
        layer = copy_step(Site(shop, {name: base}, {}), draft, (), everything, step)
    history = (History(created=scope.created, comment=_EXPORTER),)
    return Finished(
        msgspec.structs.replace(draft, image=msgspec.structs.replace(draft.image, history=history)), (layer,)
    )


def _make_layers(site: Site, stage: Finished, instruction: Instruction, label: str) -> tuple[Layer, ...]:
    """Return the layer that an expanded instruction makes, or none."""
    progress = site.shop.progress
    match instruction:
        case Run():
            with progress.step(f"{label} {instruction.original}") as step:
                if stage.draft.image.os == "windows":
                    from brewhouse.build.windows.process import run_windows_step

                    return (run_windows_step(site, stage.draft, stage.layers, instruction, step),)
                return (run_step(site, stage.draft, stage.layers, instruction, step),)
        case Copy() | Add():
            with progress.step(f"{label} {instruction.original}") as step:
                return (copy_step(site, stage.draft, stage.layers, instruction, step),)
        case Workdir():
            path = stage_folder(stage.draft, instruction.path)
            if path in ROOTS:
                return ()
            with progress.step(f"{label} WORKDIR {path}") as step:
                return (_make_workdir(site.shop, stage, path, step),)
        case _:
            return ()


def _make_workdir(shop: Workshop, stage: Finished, path: str, step: Step) -> Layer:
    """Return the layer with the folder, 0755 and owned by the user in force."""
    user = stage.draft.config.user
    key = cache_key("workdir", chain_key(stage.layers), path, user)

    def make() -> Layer:
        from brewhouse.build.files.copy import Manner, Target
        from brewhouse.build.files.owner import find_owner

        with shop.root(stage.layers) as root:
            known = root.path if stage.layers else None
            owner = find_owner(known, user, step.note) if user and not shop.drives else None
            folder = root.place(drive_path(path)) if shop.drives else path
            Target(root.path, Manner(owner)).make_folders(folder)
        return root.layer()

    return shop.remember([key], step, make)
