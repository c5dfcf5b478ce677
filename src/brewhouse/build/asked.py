"""Which paths of the build context the stages of a build ask for: BuildKit's builder is sent these, and no others.

Source: ctxPaths in dispatchStages of dockerfile2llb in moby/buildkit.
"""

from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter

from brewhouse.build.graph import Plan
from brewhouse.build.instruct import Draft, Scope, apply, child_draft, scratch_draft, stage_draft
from brewhouse.dockerfile.expand import expand
from brewhouse.dockerfile.instruction import Add, Copy, Instruction, Run
from brewhouse.errors import InputError
from brewhouse.model import Image


def asked_paths(plans: Mapping[int, Plan], scope: Scope, escape: str) -> tuple[str, ...]:
    """Return the sources of COPY and ADD, wildcards among them, and what is mounted: "src", "conf/*", "/"."""
    drafts: dict[int, Draft] = {}
    found: list[str] = []
    for index in TopologicalSorter({index: plan.needs for index, plan in plans.items()}).static_order():
        plan = plans[index]
        draft = _begin(plan, drafts)
        try:
            for instruction in plan.instructions:
                expanded = expand(instruction, draft.environment, escape=escape, given=scope.build_args)
                found += _paths(expanded)
                draft = apply(draft, expanded, scope)
        except InputError:
            # The stage will say so itself when it gets there.
            pass
        drafts[index] = draft
    return tuple(dict.fromkeys(found))


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
