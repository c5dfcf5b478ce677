"""Wanted targets -> all jobs that they need, parents first, with build ids as far as they can be known."""

from collections.abc import Callable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

import msgspec

from brewhouse.errors import InputError
from brewhouse.model import Context, Job, Plan, Target
from brewhouse.oci.digest import Digest, digest_of
from brewhouse.oci.platform import Arch
from brewhouse.plan.parents import find_parents

FindTarget = Callable[[str, Arch], Target]
"""Returns the target that makes an image of one architecture; raises InputError where no family does."""


def order_jobs(wanted: Iterable[Target], find: FindTarget, render: Callable[[Target], Context]) -> Plan:
    """Return the jobs that make `wanted` and all it is built from, each before those that need it.

    Raises InputError for a parent that no family makes, and for images that need each other.
    """
    jobs: dict[Target, Job] = {}
    needs: dict[Target, list[Target]] = {}
    todo = list(wanted)
    while todo:
        target = todo.pop()
        if target in jobs:
            continue
        context = render(target)
        parents = find_parents(context, f"{target.repo}/{target.directory}/Dockerfile")
        jobs[target] = Job(target, context, parents)
        needs[target] = [find(parent, target.arch) for parent in parents]
        todo.extend(needs[target])
    try:
        return Plan(tuple(jobs[target] for target in TopologicalSorter(needs).static_order()))
    except CycleError as error:
        circle = " -> ".join(f"{target.repo}:{target.tags[0]}" for target in error.args[1])
        raise InputError(f"these images need each other: {circle}", hint="change the parents of one") from None


def build_id(job: Job, parents: Mapping[str, Digest], builder_version: str) -> Digest:
    """Return what stands for all that an image is made of; `parents` are the manifests of the images it is built from.

    sha256 of canonical JSON: {"arch": "amd64", "builder": "0.1.0", "context": "sha256:...", "parents": {...}}.
    """
    named = {
        "arch": job.target.arch,
        "builder": builder_version,
        "context": context_digest(job.context),
        "parents": {name: parents[name] for name in job.parents},
    }
    return digest_of(msgspec.json.encode(named, order="sorted"))


def context_digest(context: Context) -> Digest:
    """Return the digest of a context: of the digests of its files by path, as canonical JSON."""
    files = {path: digest_of(content) for path, content in context.files.items()}
    return digest_of(msgspec.json.encode(files, order="sorted"))


def resolve_builds(plan: Plan, known: Mapping[Digest, Digest], builder_version: str) -> Plan:
    """Return the plan with build ids, and with the images that `known` (manifest by build id) has for them.

    Where a parent has no image yet, its children's build ids stay unknown: they depend on what it becomes.
    """
    images: dict[str, Digest] = {}
    jobs = []
    for job in plan.jobs:
        if all(_full_name(parent) in images for parent in job.parents):
            digests = {parent: images[_full_name(parent)] for parent in job.parents}
            identity = build_id(job, digests, builder_version)
            job = msgspec.structs.replace(job, build_id=identity, image=known.get(identity))
        jobs.append(job)
        if job.image:
            images |= dict.fromkeys(names_of(job.target), job.image)
    return Plan(tuple(jobs))


def names_of(target: Target) -> tuple[str, ...]:
    """Return all references of a target: "python:3.13.5-slim", ...; the simple tags first."""
    return tuple(f"{target.repo}:{tag}" for tag in (*target.tags, *target.shared_tags))
