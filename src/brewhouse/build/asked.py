"""What the stages of a build ask for, before any is built: instructions with all variables, and paths of the context.

BuildKit's builder is sent these paths, and no others.

Source: ctxPaths in dispatchStages of dockerfile2llb in moby/buildkit.
"""

from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter

from brewhouse.build.graph import Plan
from brewhouse.build.instruct import Draft, Scope, apply, child_draft, scratch_draft, stage_draft
from brewhouse.dockerfile.expand import expand
from brewhouse.dockerfile.instruction import Add, Copy, Instruction, Run
from brewhouse.errors import located
from brewhouse.model import Image


def asked_paths(plans: Mapping[int, Plan], scope: Scope, escape: str) -> tuple[str, ...]:
    """Return the sources of COPY and ADD, wildcards among them, and what is mounted: "src", "conf/*", "/"."""
    found = (path for instruction in expanded(plans, scope, escape) for path in _paths(instruction))
    return tuple(dict.fromkeys(found))


def expanded(plans: Mapping[int, Plan], scope: Scope, escape: str) -> Iterator[Instruction]:
    """Yield the instructions of all stages as they are carried out, in the order of the file where that can be.

    Raises InputError for one that cannot be carried out.
    """
    drafts: dict[int, Draft] = {}
    for index in _in_order(plans):
        draft = _begin(plans[index], drafts)
        for instruction in plans[index].instructions:
            with located(instruction.location):
                whole = expand(instruction, draft.environment, escape=escape, given=scope.build_args)
                draft = apply(draft, whole, scope)
            yield whole
        drafts[index] = draft


def _in_order(plans: Mapping[int, Plan]) -> Iterable[int]:
    """Return the stages, each behind those that it needs; only contexts of `target:` need one further down."""
    if all(needed < index for index, plan in plans.items() for needed in plan.needs):
        return sorted(plans)
    return TopologicalSorter({index: plan.needs for index, plan in plans.items()}).static_order()


def _begin(plan: Plan, drafts: Mapping[int, Draft]) -> Draft:
    if isinstance(plan.base, int):
        return stage_draft(drafts[plan.base])
    if isinstance(plan.base, Image):
        return child_draft(plan.base.config.value)
    return scratch_draft(plan.platform)


def _paths(instruction: Instruction) -> Iterator[str]:
    match instruction:
        case Copy() | Add():
            if isinstance(instruction, Add) or not instruction.from_:
                yield from instruction.sources
        case Run():
            mounts = (mount for mount in instruction.mounts if mount.type == "bind" and not mount.from_)
            yield from (mount.source or "/" for mount in mounts)
