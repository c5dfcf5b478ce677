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
from brewhouse.build.windows.base import find_base
from brewhouse.build.windows.builder import BUILDER, WindowsSettings, build_windows
from brewhouse.build.windows.package import Package, choose_package, recall_package, remember_package
from brewhouse.build.windows.wine import find_wine
from brewhouse.errors import InputError
from brewhouse.family.expand import at_release, expand, expand_older, line_releases
from brewhouse.family.resolve import find_targets, names_version, unknown_tag
from brewhouse.model import (
    CONTEXT_ANNOTATION,
    Built,
    Context,
    Entry,
    Family,
    Image,
    Job,
    Library,
    Plan,
    Release,
    Target,
)
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import write_document
from brewhouse.oci.platform import PLATFORMS, Arch, Platform, host_arch
from brewhouse.oci.reference import Reference, parse_reference
from brewhouse.plan.known import known_image, remember_image
from brewhouse.plan.order import build_id, context_digest, first_name, names_of, needs, order_jobs, resolve_builds
from brewhouse.publish.gather import Gatherer, Lack
from brewhouse.publish.plan import Put
from brewhouse.publish.request import PublishRequest, plan_all, stored_versions, with_source
from brewhouse.publish.shared import name_image
from brewhouse.readme.docs import Folder
from brewhouse.readme.page import Facts
from brewhouse.readme.pages import Checkout, Failure, LeftAlone, Page, PageRequest, each_page
from brewhouse.readme.variants import Suites
from brewhouse.render.dockerfile import Profile, render
from brewhouse.render.tree import write_tree
from brewhouse.system.container import Options
from brewhouse.system.executor import run_graph
from brewhouse.system.froms import FromsOf
from brewhouse.system.git import last_changes
from brewhouse.system.layout import Layout
from brewhouse.system.log import Plain, Progress
from brewhouse.system.sandbox import trust
from brewhouse.system.sources import machine_mirror, named_mirror
from brewhouse.system.windows.container import run_windows_container
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
    found = find_targets(reference, newest, _arch_of(reference, newest, arch))
    if found:
        return found
    older = [tagged(target) for target in expand_older(families, reference.repository)]
    found = find_targets(reference, older, _arch_of(reference, older, arch))
    if not found:
        raise unknown_tag(reference, [*newest, *older], arch)
    return found


def _arch_of(reference: Reference, targets: Sequence[Target], arch: Arch) -> Arch:
    """Return Windows for this machine's architecture where a name, as `-windowsservercore` does, means nothing else."""
    named = {target.arch for target in targets if reference.tag in (*target.tags, *target.shared_tags)}
    return Arch.WINDOWS_AMD64 if arch == host_arch() and named == {Arch.WINDOWS_AMD64} else arch


class BrewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How images are to be brewed.

    `mirror` (".../debian") is the machine's own where it is empty; `artifacts` are folders and URLs that may hold
    sources; `lock` is a file with Debian packages to be used as they are; `update` asks mirror and upstream again;
    `base_layout` is an OCI layout with the Windows that images stand on.
    """

    arch: Arch
    profile: Profile
    mirror: str = ""
    artifacts: tuple[str, ...] = ()
    lock: Path | None = None
    update: bool = False
    jobs: int = 1
    trust: Trust = Trust()
    base_layout: Path | None = None

    @property
    def chooses_packages(self) -> bool:
        """Tell whether the packages of the base are not simply those of the last time."""
        return bool(self.update or self.lock or self.mirror)


Choose: TypeAlias = Callable[[str, Target], Target]
"""Returns a target at the release that is to be made for a name."""


def check_names(names: Sequence[str], families: Mapping[str, Family], asked: BrewRequest) -> None:
    """Raise InputError for a name that no family knows, or that needs what cannot be made here; nothing is done."""

    def context_of(target: Target) -> Context:
        if target.builder == "windows":
            windows_base(target, asked)
        return render_target(families, target, asked)

    order_brew(names, families, asked, lambda _, target: target, context_of)


def brew_images(
    names: Sequence[str], families: Mapping[str, Family], asked: BrewRequest, layout: Layout, progress: Progress
) -> list[Built]:
    """Make the images that `names` stand for, and all they are built from; return all, parents first.

    What the store has for the same build id is taken as it is. Every image is stored under all its tags.
    """
    choose = release_chooser(families, asked, layout, progress)
    ordered = order_brew(names, families, asked, choose, lambda target: brew_context(families, target, asked))
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


def brew_context(families: Mapping[str, Family], target: Target, asked: BrewRequest) -> Context:
    """Return all that a target is built from; for Windows also what package, and which base by its digest."""
    context = render_target(families, target, asked)
    if target.builder != "windows":
        return context
    base = windows_base(target, asked).descriptor.digest
    made_of = {"base": base, "builder": BUILDER, "package": windows_package(target)}
    return Context({**context.files, "windows.json": msgspec.json.encode(made_of, order="sorted")})


def windows_base(target: Target, asked: BrewRequest) -> Image:
    """Return the Windows that a target stands on; raises InputError where it is nowhere to be found."""
    if asked.base_layout is None:
        mend = "name an OCI layout that holds it: --base-layout DIR"
        raise InputError(f"{target.repo}:{target.tags[0]} stands on {target.parents[-1]}", hint=mend)
    return find_base(asked.base_layout, target.parents[-1])


def windows_package(target: Target) -> Package:
    """Return the archive that a target's release stands for once it is chosen."""
    release = target.release
    if release is None:
        raise InputError(f"{target.repo}:{target.tags[0]} has no release", hint="add one to versions.json")
    return Package(release.version, release.url, release.sha256)


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


def choose_windows_release(
    title: str, releases: Sequence[Release], asked: BrewRequest, layout: Layout, progress: Progress
) -> Release:
    """Return the first release that python.org's index has a package of, with that package as its source."""
    record = layout.cache / "releases" / f"{title.replace(' ', '-')}.json"
    versions = [release.version for release in releases]
    with progress.step(f"{title}: choose a package") as step:
        package = None if asked.update else recall_package(record, versions, layout.downloads)
        if package:
            step.cached()
        else:
            package = choose_package(versions, asked.artifacts, layout.downloads, step)
            remember_package(record, versions, package, layout.tmp)
    release = next(release for release in releases if release.version == package.version)
    return msgspec.structs.replace(release, url=package.url, sha256=package.sha256)


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
        image = with_context(make_image(job, parents, asked, layout, progress), job, layout)
        remember_image(layout, identity, image)
    else:
        with progress.step(first_name(job)) as step:
            step.cached()
    names = name_image(job.target, image, layout)
    return Built(names, image, PLATFORMS[job.target.arch], time.monotonic() - start, cached)


def with_context(image: Image, job: Job, layout: Layout) -> Image:
    """Return the image with the digest of what it was brewed from in its manifest, by which `publish` compares them."""
    annotations = {**image.manifest.value.annotations, CONTEXT_ANNOTATION: context_digest(job.context)}
    manifest = write_document(msgspec.structs.replace(image.manifest.value, annotations=annotations))
    return layout.write_image(image.config, manifest)


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
            settings = WindowsSettings(
                first_name(job),
                windows_package(target),
                windows_base(target, asked),
                asked.base_layout,
                asked.artifacts,
                is_nano=target.variant.startswith("nanoserver"),
            )
            return build_windows(settings, layout, progress)


def run_windows(image: Image, options: Options, layout: Layout, environment: Mapping[str, str]) -> int:
    """Return the exit status of a container of a Windows image; Wine is made the first time."""
    wine = find_wine(layout, Progress(Plain()), Trust(*trust(environment)))
    return run_windows_container(image, options, layout, environment, wine)


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


def plan_publication(
    asked: PublishRequest, families: Mapping[str, Family], layout: Layout
) -> tuple[list[Put], list[Lack]]:
    """Return what is put where of families or images, and what is missing for it; nothing is sent.

    Raises InputError for a name that no family knows.
    """
    libraries = {repo: stored_library(families, repo, asked, layout) for repo in families}

    def base_name(repo: str, entry: Entry) -> str:
        parents = (target.parents for target in expand(families, repo) if target.directory == entry.source.directory)
        return next((names[-1] for names in parents if names), "")

    gatherer = Gatherer(layout, asked.destination, base_name, libraries.get)
    return plan_all(asked, libraries, gatherer)


def stored_library(families: Mapping[str, Family], repo: str, asked: PublishRequest, layout: Layout) -> Library:
    """Return the library file of a family, each line at the newest release that the store has an image of."""
    family = families[repo]
    versions = stored_versions(repo, layout.names())
    releases = {
        line.name: release
        for line in family.lines
        for release in reversed(line_releases(family, line.name))
        if release.version in versions
    }
    targets = [tagged(target) for target in expand(families, repo, releases)]
    return with_source(compute_library(family, targets, asked.git_commit), asked.git_repo)
