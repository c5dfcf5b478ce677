"""Brewing: which jobs, in what order, and what is already there."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import msgspec

import brewhouse
from brewhouse.build.debian.builder import build_debian
from brewhouse.build.debian.choose import DebianSettings
from brewhouse.build.image import build_image
from brewhouse.build.request import BuildRequest
from brewhouse.build.windows.builder import BUILDER, WindowsSettings, build_windows
from brewhouse.family.expand import at_release, line_releases
from brewhouse.family.resolve import names_version
from brewhouse.model import CONTEXT_ANNOTATION, Built, Context, Family, Image, Job, Plan, Release, Target
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import write_document
from brewhouse.oci.platform import PLATFORMS
from brewhouse.oci.reference import parse_reference
from brewhouse.pipeline.family import find_wanted
from brewhouse.pipeline.outside import Outside
from brewhouse.pipeline.request import BrewRequest
from brewhouse.pipeline.windows import (
    base_reference,
    check_base_place,
    choose_windows_release,
    windows_base,
    windows_package,
)
from brewhouse.plan.known import known_image, remember_image
from brewhouse.plan.order import build_id, context_digest, first_name, names_of, needs, order_jobs, resolve_builds
from brewhouse.publish.shared import name_image
from brewhouse.render.dockerfile import render
from brewhouse.render.tree import write_tree
from brewhouse.system.executor import run_graph
from brewhouse.system.progress.log import Progress
from brewhouse.system.sources import machine_mirror, named_mirror
from brewhouse.system.store.disk import new_folder
from brewhouse.system.store.layout import Layout
from brewhouse.tag.compute import tagged
from brewhouse.upstream.choose import choose_source, recall_choice, remember_choice
from brewhouse.upstream.places import places

Choose: TypeAlias = Callable[[str, Target], Target]
"""Returns a target at the release that is to be made for a name."""


def check_names(names: Sequence[str], families: Mapping[str, Family], asked: BrewRequest) -> None:
    """Raise InputError for a name that no family knows, or that needs what cannot be made here; nothing is done."""

    def context_of(target: Target) -> Context:
        if target.builder == "windows":
            check_base_place(target, asked)
        return render_target(families, target, asked)

    order_brew(names, families, asked, lambda _, target: target, context_of)


def brew_images(
    names: Sequence[str], families: Mapping[str, Family], asked: BrewRequest, outside: Outside
) -> list[Built]:
    """Make the images that `names` stand for, and all they are built from; return all, parents first.

    What the store has for the same build id is taken as it is. Every image is stored under all its tags.
    """
    layout, progress = outside.layout, outside.progress
    choose = release_chooser(families, asked, layout, progress)
    ordered = order_brew(names, families, asked, choose, lambda target: brew_context(families, target, asked, outside))
    with progress.step("plan") as step:
        plan = resolve_builds(ordered, image_finder(asked, layout), brewhouse.__version__)
        missing = ", ".join(first_name(job) for job in plan.missing)
        step.note(f"{len(plan.jobs)} images, to be made: {missing or 'none'}")
    jobs = {first_name(job): job for job in plan.jobs}
    images: dict[str, Image] = {}

    def work(name: str) -> Built:
        built = brew_job(jobs[name], images, asked, outside)
        images.update(dict.fromkeys(names_of(jobs[name].target), built.image))
        return built

    done = run_graph(needs(plan), work, workers=asked.jobs)
    return [done[name] for name in jobs]


def order_brew(
    names: Sequence[str],
    families: Mapping[str, Family],
    asked: BrewRequest,
    choose: Choose,
    context_of: Callable[[Target], Context],
) -> Plan:
    """Return the jobs for what `names` stand for and for all it is built from, parents first."""
    wanted = [choose(name, target) for name in names for target in find_wanted(families, name, asked.arch)]
    return order_jobs(
        dict.fromkeys(wanted),
        lambda name, arch: choose(name, find_wanted(families, name, arch)[0]),
        context_of,
    )


def render_target(families: Mapping[str, Family], target: Target, asked: BrewRequest) -> Context:
    """Return what a target is built from, as far as its family says it."""
    return render(families[target.repo], target, asked.profile)


def brew_context(families: Mapping[str, Family], target: Target, asked: BrewRequest, outside: Outside) -> Context:
    """Return all that a target is built from; for Windows also what package, and which base by its digest."""
    context = render_target(families, target, asked)
    if target.builder != "windows":
        return context
    made_of = {
        "base": windows_base(target, asked, outside, update=asked.update).descriptor.digest,
        "base_name": str(base_reference(target, asked)),
        "builder": BUILDER,
        "package": windows_package(target).sha256,
    }
    return Context({**context.files, "windows.json": msgspec.json.encode(made_of, order="sorted")})


def release_chooser(families: Mapping[str, Family], asked: BrewRequest, layout: Layout, progress: Progress) -> Choose:
    """Return what chooses, once for each line, the newest release whose source can be had, or the one that is named."""
    chosen: dict[str, Release] = {}

    def choose(name: str, target: Target) -> Target:
        if target.release is None:
            return target
        exact = names_version(parse_reference(name), target)
        title = f"{target.repo} {target.version if exact else target.line}"
        choose_one = choose_release
        if target.builder == "windows":
            title, choose_one = f"{title} for Windows", choose_windows_release
        if title not in chosen:
            releases = (target.release,) if exact else line_releases(families[target.repo], target.line)
            chosen[title] = choose_one(title, releases, asked, layout, progress)
        if exact:
            return msgspec.structs.replace(target, release=chosen[title])
        return tagged(at_release(families, target, chosen[title]))

    return choose


def choose_release(
    title: str, releases: Sequence[Release], asked: BrewRequest, layout: Layout, progress: Progress
) -> Release:
    """Return the first release whose source can be had, or the one that was chosen the last time."""
    record = layout.cache / "releases" / f"{title.replace(' ', '-')}.json"
    with progress.step(f"{title}: choose a release") as step:
        chosen = None if asked.update else recall_choice(record, releases, layout.downloads)
        if chosen:
            step.cached()
        else:
            mirror = (named_mirror(asked.mirror) if asked.mirror else machine_mirror()).archive
            find_places = partial(places, artifacts=asked.artifacts, mirror=mirror)
            chosen = choose_source(releases, find_places, layout.downloads, step)
            remember_choice(record, chosen, layout.tmp)
        step.note(str(chosen))
    return chosen.release


def image_finder(asked: BrewRequest, layout: Layout) -> Callable[[Job, Digest], Image | None]:
    """Return what finds the image that the store has for a build id; a base is looked at anew where that is asked."""

    def known(job: Job, identity: Digest) -> Image | None:
        if job.target.builder == "debian" and asked.chooses_packages:
            return None
        return known_image(layout, identity)

    return known


def brew_job(job: Job, images: Mapping[str, Image], asked: BrewRequest, outside: Outside) -> Built:
    """Return the image of a job under all its names, made unless the store has it; `images` are those made before."""
    start, layout = time.monotonic(), outside.layout
    parents = {name: images[str(parse_reference(name))] for name in job.parents}
    digests = {name: image.descriptor.digest for name, image in parents.items()}
    identity = build_id(job, digests, brewhouse.__version__)
    image = image_finder(asked, layout)(job, identity)
    cached = image is not None
    if image is None:
        image = with_context(make_image(job, parents, asked, outside), job, layout)
        remember_image(layout, identity, image)
    else:
        with outside.progress.step(first_name(job)) as step:
            step.cached()
    names = name_image(job.target, image, layout)
    return Built(names, image, PLATFORMS[job.target.arch], time.monotonic() - start, cached)


def with_context(image: Image, job: Job, layout: Layout) -> Image:
    """Return the image with the digest of what it was brewed from in its manifest, by which `publish` compares them."""
    annotations = {**image.manifest.value.annotations, CONTEXT_ANNOTATION: context_digest(job.context)}
    manifest = write_document(msgspec.structs.replace(image.manifest.value, annotations=annotations))
    return layout.write_image(image.config, manifest)


def make_image(job: Job, parents: Mapping[str, Image], asked: BrewRequest, outside: Outside) -> Image:
    """Return the image that the job's builder makes; raises InputError for a builder that cannot make it here."""
    target, layout, progress = job.target, outside.layout, outside.progress
    match target.builder:
        case "debian":
            return build_debian(
                DebianSettings(
                    target.line, target.variant == "slim", target.arch, asked.mirror, asked.lock, update=asked.update
                ),
                layout,
                progress,
            )
        case "dockerfile":
            folder = new_folder(layout.tmp, "sources")
            write_tree({"": job.context}, folder)
            request = BuildRequest(
                dockerfile=job.context.files["Dockerfile"],
                name=f"{target.repo}/{target.directory}/Dockerfile",
                context=folder,
                platform=PLATFORMS[target.arch],
                find_image=lambda reference, _: parents[str(reference)],
                trust=asked.trust,
            )
            return build_image(request, layout, progress)
        case "windows":
            settings = WindowsSettings(
                first_name(job),
                windows_package(target),
                windows_base(target, asked, outside),
                str(base_reference(target, asked)),
                asked.base_layout,
                asked.artifacts,
                is_nano=target.variant.startswith("nanoserver"),
            )
            return build_windows(settings, layout, progress)
