"""Wanted targets -> all jobs that they need, parents first, with build ids as far as they can be known."""

from collections.abc import Callable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

import msgspec

from brewhouse.errors import InputError
from brewhouse.model import Context, Image, Job, Plan, Target
from brewhouse.oci.digest import Digest, digest_of
from brewhouse.oci.platform import Arch
from brewhouse.oci.reference import parse_reference
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
        # A Windows base is nobody's to make: what is known of it is part of the context.
        name = f"{target.repo}/{target.directory}/Dockerfile"
        parents = () if target.builder == "windows" else find_parents(context, name)
        jobs[target] = Job(target, context, parents)
        needs[target] = [_find_parent(parent, target, find) for parent in parents]
        todo.extend(needs[target])
    try:
        return Plan(tuple(jobs[target] for target in TopologicalSorter(needs).static_order()))
    except CycleError as error:
        circle = " -> ".join(f"{target.repo}:{target.tags[0]}" for target in error.args[1])
        raise InputError(f"these images need each other: {circle}", hint="change the parents of one") from None


def _find_parent(parent: str, target: Target, find: FindTarget) -> Target:
    try:
        return find(parent, target.arch)
    except InputError as error:
        name = names_of(target)[0]
        raise InputError(f"{name} is built from {parent}: {error.message}", hint=error.hint) from error


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


def resolve_builds(plan: Plan, known: Callable[[Job, Digest], Image | None], builder_version: str) -> Plan:
    """Return the plan with build ids, and with the manifests of those images that `known` gives for them.

    Where a parent has no image yet, its children's build ids stay unknown: they depend on what it becomes.
    """
    images: dict[str, Digest] = {}
    jobs = []
    for job in plan.jobs:
        parents = {parent: images.get(str(parse_reference(parent))) for parent in job.parents}
        digests = {parent: digest for parent, digest in parents.items() if digest}
        identity = build_id(job, digests, builder_version) if len(digests) == len(parents) else None
        image = known(job, identity) if identity else None
        digest = image.descriptor.digest if image else None
        jobs.append(msgspec.structs.replace(job, build_id=identity, image=digest))
        if digest:
            images |= dict.fromkeys(names_of(job.target), digest)
    return Plan(tuple(jobs))


def needs(plan: Plan) -> dict[str, set[str]]:
    """Return, by first name, which jobs must be done before each.

    The variants of a Debian suite wait for one another: they are made of the same packages, chosen and unpacked once.
    """
    makers = {name: first_name(job) for job in plan.jobs for name in names_of(job.target)}
    found: dict[str, set[str]] = {}
    last: dict[tuple[str, Arch], str] = {}
    for job in plan.jobs:
        name = first_name(job)
        found[name] = {makers[str(parse_reference(parent))] for parent in job.parents}
        if job.target.builder == "debian":
            suite = (job.target.line, job.target.arch)
            if suite in last:
                found[name].add(last[suite])
            last[suite] = name
    return found


def first_name(job: Job) -> str:
    """Return the most exact name of what a job makes: "python:3.13.5-slim-trixie"."""
    return names_of(job.target)[0]


def names_of(target: Target) -> tuple[str, ...]:
    """Return all references of a target: "python:3.13.5-slim", ...; the simple tags first."""
    return tuple(f"{target.repo}:{tag}" for tag in (*target.tags, *target.shared_tags))
