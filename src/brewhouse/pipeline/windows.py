"""What only Windows images need: their base, their package, and Wine to run them."""

from collections.abc import Mapping, Sequence

import msgspec

from brewhouse.build.request import Trust
from brewhouse.build.windows.base import find_base
from brewhouse.build.windows.package import Package, choose_package, recall_package, remember_package
from brewhouse.build.windows.wine import find_wine
from brewhouse.errors import InputError
from brewhouse.model import Image, Release, Target
from brewhouse.pipeline.request import BrewRequest
from brewhouse.system.container import Options
from brewhouse.system.layout import Layout
from brewhouse.system.log import Plain, Progress
from brewhouse.system.sandbox import trust
from brewhouse.system.windows.container import run_windows_container


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


def run_windows(image: Image, options: Options, layout: Layout, environment: Mapping[str, str]) -> int:
    """Return the exit status of a container of a Windows image; Wine is made the first time."""
    wine = find_wine(layout, Progress(Plain()), Trust(*trust(environment)))
    return run_windows_container(image, options, layout, environment, wine)
