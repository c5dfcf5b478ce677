"""The contents page: what Brewhouse does, each as the stages it calls in order."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeAlias

import msgspec

import brewhouse
from brewhouse.build.debian.builder import build_debian
from brewhouse.build.debian.choose import DebianSettings
from brewhouse.build.image import build_image
from brewhouse.build.request import BuildRequest, Trust
from brewhouse.errors import InputError
from brewhouse.family.expand import at_release, expand, expand_older, line_releases
from brewhouse.family.resolve import find_targets, names_version, unknown_tag
from brewhouse.model import Built, Context, Entry, Family, Image, Job, Library, Plan, Release, Target
from brewhouse.oci.digest import Digest
from brewhouse.oci.platform import PLATFORMS, Arch, Platform, host_arch
from brewhouse.oci.reference import Reference, parse_reference
from brewhouse.plan.known import known_image, remember_image
from brewhouse.plan.order import build_id, first_name, names_of, needs, order_jobs, resolve_builds
from brewhouse.readme.docs import Folder
from brewhouse.readme.page import Facts
from brewhouse.readme.pages import Checkout, Failure, LeftAlone, Page, PageRequest, each_page
from brewhouse.readme.variants import Suites
from brewhouse.render.dockerfile import Profile, render
from brewhouse.render.tree import write_tree
from brewhouse.system.executor import run_graph
from brewhouse.system.froms import FromsOf
from brewhouse.system.git import last_changes
from brewhouse.system.layout import Layout
from brewhouse.system.log import Progress
from brewhouse.system.sources import machine_mirror, named_mirror
from brewhouse.tag.check import parse_commit
from brewhouse.tag.compute import compute_library, tagged
from brewhouse.tag.folder import LibraryFolder
from brewhouse.upstream.choose import choose_source, recall_choice, remember_choice
from brewhouse.upstream.places import places


def build_from_dockerfile(request: BuildRequest, names: Sequence[str], layout: Layout, progress: Progress) -> Image:
    """Return the image of a Dockerfile, stored under `names`; without names it is stored until `prune`."""
    image = build_image(request, layout, progress)
    layout.tag(names, image.descriptor)
    return image


def find_image(layout: Layout, reference: Reference, platform: Platform) -> Image:
    """Return an image of the store; raises InputError where it is not there."""
    descriptor = layout.find(reference)
    if descriptor is None:
        raise InputError(f"there is no image `{reference}` in the store", hint=f"make it: brewhouse brew {reference}")
    return layout.image(descriptor, platform)


def family_targets(families: Mapping[str, Family], repo: str) -> list[Target]:
    """Return the targets of a repository with their tags, each line at the newest release that the lock knows."""
    return [tagged(target) for target in expand(families, repo)]


def family_library(families: Mapping[str, Family], repo: str, git_commit: str = "") -> Library:
    """Return the library file of a repository, at the newest release of each line."""
    targets = family_targets(families, repo)
    return compute_library(families[repo], targets, git_commit)


def render_family(
    families: Mapping[str, Family], repo: str, profile: Profile, releases: Mapping[str, Release] | None = None
) -> dict[str, Context]:
    """Return what each image of a repository is built from, by the folder it is written to."""
    return {
        target.directory: render(families[repo], target, profile)
        for target in expand(families, repo, releases)
        if target.builder != "debian"
    }


def find_wanted(families: Mapping[str, Family], name: str, arch: Arch) -> list[Target]:
    """Return the targets of one architecture that a user's `name` stands for: "python:3.13-slim", "python:3.13.5".

    Raises InputError for an unknown family or tag, with those that are near.
    """
    reference = parse_reference(name)
    newest = family_targets(families, reference.repository)
    found = find_targets(reference, newest, arch)
    if found:
        return found
    older = [tagged(target) for target in expand_older(families, reference.repository)]
    found = find_targets(reference, older, arch)
    if not found:
        raise unknown_tag(reference, [*newest, *older], arch)
    return found


class BrewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How images are to be brewed.

    `mirror` (".../debian") is the machine's own where it is empty; `artifacts` are folders and URLs that may hold
    sources; `lock` is a file with Debian packages to be used as they are; `update` asks mirror and upstream again.
    """

    arch: Arch
    profile: Profile
    mirror: str = ""
    artifacts: tuple[str, ...] = ()
    lock: Path | None = None
    update: bool = False
    jobs: int = 1
    trust: Trust = Trust()

    @property
    def chooses_packages(self) -> bool:
        """Tell whether the packages of the base are not simply those of the last time."""
        return bool(self.update or self.lock or self.mirror)


Choose: TypeAlias = Callable[[str, Target], Target]
"""Returns a target at the release that is to be made for a name."""


def check_names(names: Sequence[str], families: Mapping[str, Family], asked: BrewRequest) -> None:
    """Raise InputError for a name that no family knows, or that needs what cannot be made here; nothing is done."""
    for name in names:
        if any(target.builder == "windows" for target in find_wanted(families, name, asked.arch)):
            raise InputError(f"{name} cannot be made on Linux", hint="render it, and build it on Windows")
    order_brew(names, families, asked, lambda _, target: target)


def brew_images(
    names: Sequence[str], families: Mapping[str, Family], asked: BrewRequest, layout: Layout, progress: Progress
) -> list[Built]:
    """Make the images that `names` stand for, and all they are built from; return all, parents first.

    What the store has for the same build id is taken as it is. Every image is stored under all its tags.
    """
    choose = release_chooser(families, asked, layout, progress)
    ordered = order_brew(names, families, asked, choose)
    with progress.step("plan") as step:
        plan = resolve_builds(ordered, image_finder(asked, layout), brewhouse.__version__)
        missing = ", ".join(first_name(job) for job in plan.missing)
        step.note(f"{len(plan.jobs)} images, to be made: {missing or 'none'}")
    jobs = {first_name(job): job for job in plan.jobs}
    images: dict[str, Image] = {}

    def work(name: str) -> Built:
        built = brew_job(jobs[name], images, asked, layout, progress)
        images.update(dict.fromkeys(names_of(jobs[name].target), built.image))
        return built

    done = run_graph(needs(plan), work, workers=asked.jobs)
    return [done[name] for name in jobs]


def order_brew(names: Sequence[str], families: Mapping[str, Family], asked: BrewRequest, choose: Choose) -> Plan:
    """Return the jobs for what `names` stand for and for all it is built from, parents first."""
    wanted = [choose(name, target) for name in names for target in find_wanted(families, name, asked.arch)]
    return order_jobs(
        dict.fromkeys(wanted),
        lambda name, arch: choose(name, find_wanted(families, name, arch)[0]),
        lambda target: render(families[target.repo], target, asked.profile),
    )


def release_chooser(families: Mapping[str, Family], asked: BrewRequest, layout: Layout, progress: Progress) -> Choose:
    """Return what chooses, once for each line, the newest release whose source can be had, or the one that is named."""
    chosen: dict[str, Release] = {}

    def choose(name: str, target: Target) -> Target:
        if target.release is None:
            return target
        exact = names_version(parse_reference(name), target)
        title = f"{target.repo} {target.version if exact else target.line}"
        if title not in chosen:
            releases = (target.release,) if exact else line_releases(families[target.repo], target.line)
            chosen[title] = choose_release(title, releases, asked, layout, progress)
        return target if exact else tagged(at_release(families, target, chosen[title]))

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


def brew_job(job: Job, images: Mapping[str, Image], asked: BrewRequest, layout: Layout, progress: Progress) -> Built:
    """Return the image of a job under all its names, made unless the store has it; `images` are those made before."""
    start = time.monotonic()
    parents = {name: images[str(parse_reference(name))] for name in job.parents}
    digests = {name: image.descriptor.digest for name, image in parents.items()}
    identity = build_id(job, digests, brewhouse.__version__)
    image = image_finder(asked, layout)(job, identity)
    cached = image is not None
    if image is None:
        image = make_image(job, parents, asked, layout, progress)
        remember_image(layout, identity, image)
    else:
        with progress.step(first_name(job)) as step:
            step.cached()
    platform = PLATFORMS[job.target.arch]
    prefix = "" if job.target.arch == host_arch() else f"{job.target.arch}/"
    names = tuple(prefix + name for name in names_of(job.target))
    layout.tag(names, image.descriptor)
    return Built(names, image, platform, time.monotonic() - start, cached)


def make_image(job: Job, parents: Mapping[str, Image], asked: BrewRequest, layout: Layout, progress: Progress) -> Image:
    """Return the image that the job's builder makes; raises InputError for a builder that cannot make it here."""
    target = job.target
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
            folder = Path(mkdtemp(dir=layout.tmp))
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
            raise InputError(f"{first_name(job)} cannot be made on Linux", hint="render it, and build it on Windows")


def make_pages(
    request: PageRequest, checkout: Checkout, froms_of: FromsOf, environment: Mapping[str, str]
) -> Iterator[Page | Failure | LeftAlone]:
    """Yield the README pages of images, and what became of those that could not be made."""
    edition = request.edition
    folder = LibraryFolder(checkout.library, clean_directories=edition.clean_directories)
    commits = checkout.commits
    if commits is None:
        # Not in a git checkout: the files are linked on the branch master, as docker-library/docs does it.
        commits = last_changes(checkout.docs, edition.linked_files(), environment) or {}
    facts = Facts(edition, request.namespaces, commits, Suites(folder.get("debian"), folder.get("ubuntu")))
    if len(request.images) != 1:
        froms_of.prepare(folder.readable(request.images or folder.names()))

    def stage_of(library: Library, entry: Entry) -> str | None:
        stages = froms_of.froms(library, entry, entry.architectures[0]).stages
        return edition.choose_stage(stages)

    yield from each_page(request, [Folder(checkout.docs)], facts, folder.need, stage_of)


def published_library(families: Mapping[str, Family], repo: str, git_repo: str, git_commit: str) -> Library:
    """Return the library file of a family whose Dockerfiles are published in `git_repo` (its own if empty).

    Raises InputError for a family that is not there, and for a commit that is none.
    """
    family = families.get(repo)
    if family and git_repo:
        replace = msgspec.structs.replace
        common = replace(family.common, source=replace(family.common.source, git_repo=git_repo))
        families = {**families, repo: replace(family, common=common)}
    return family_library(families, repo, parse_commit(git_commit))


def make_family_pages(
    families: Mapping[str, Family], folders: Sequence[Path], request: PageRequest, library_of: Callable[[str], Library]
) -> Iterator[Page | Failure | LeftAlone]:
    """Yield the README pages of families from the texts in their folders, of which later ones count first."""
    places = [place for root in reversed(folders) for place in (Folder(root, "readme"), Folder(root / "readme"))]
    bases = {
        (repo, target.tags[0]): target.parents[-1] if target.parents else "scratch"
        for repo in families
        for target in family_targets(families, repo)
    }
    suites = Suites(family_library(families, "debian") if "debian" in families else None, None)
    facts = Facts(request.edition, request.namespaces, {}, suites)

    def stage_of(library: Library, entry: Entry) -> str:
        return bases[library.name, entry.tags[0]]

    yield from each_page(request, places, facts, library_of, stage_of)
