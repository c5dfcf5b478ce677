"""What only Windows images need: their base, their package, and Wine to run them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from brewhouse.build.request import Trust
from brewhouse.build.windows.base import PLATFORM, check_base, find_base
from brewhouse.build.windows.package import Package, choose_package, recall_package, remember_package
from brewhouse.build.windows.wine import find_wine
from brewhouse.errors import BrewError, InputError, StoreError
from brewhouse.model import Finding, Image, Release, Target
from brewhouse.oci.document import Descriptor
from brewhouse.oci.reference import DEFAULT_DOMAIN, Reference, parse_reference
from brewhouse.pipeline.outside import Outside
from brewhouse.pipeline.request import BrewRequest
from brewhouse.system.container.container import Options
from brewhouse.system.container.trust import trust
from brewhouse.system.progress.log import Plain, Progress
from brewhouse.system.store.disk import write_file
from brewhouse.system.store.layout import Layout
from brewhouse.system.windows.container import run_windows_container


def base_reference(target: Target, asked: BrewRequest) -> Reference:
    """Return where users find the Windows that a target stands on: Microsoft's registry, or the one that was named.

    "localhost:5000/mirror" has it as localhost:5000/mirror/windows/servercore:ltsc2025.
    """
    own = parse_reference(target.parents[-1])
    if not asked.base_registry:
        return own
    named = parse_reference(f"{asked.base_registry.rstrip('/')}/{own.path}:{own.tag}")
    if named.domain == DEFAULT_DOMAIN and not asked.base_registry.startswith(DEFAULT_DOMAIN):
        raise InputError(f"`{asked.base_registry}` names no registry", hint="write REGISTRY[/NAMESPACE]")
    return named


def check_base_place(target: Target, asked: BrewRequest) -> None:
    """Raise InputError where a target's base is not in the layout that is named, or the registry is none."""
    if asked.base_layout:
        find_base(asked.base_layout, target.parents[-1])
    base_reference(target, asked)


def windows_base(target: Target, asked: BrewRequest, outside: Outside, *, update: bool = False) -> Image:
    """Return the Windows that a target stands on: of a layout, or as its registry has it, of which no layer is fetched.

    What a registry said is taken for true until it is asked again, which `update` does. Raises InputError where it is
    nowhere to be found.
    """
    if asked.base_layout:
        return find_base(asked.base_layout, target.parents[-1])
    reference, layout = base_reference(target, asked), outside.layout
    record = layout.cache / "bases" / f"{str(reference).replace('/', '+')}.json"
    found = None if update else _recall_base(record, layout)
    if found is None:
        from brewhouse.publish.bases import fetch_base

        with outside.progress.step(f"{reference}: find the base") as step:
            try:
                found = check_base(fetch_base(reference, PLATFORM, layout, outside.registries), str(reference))
            except BrewError as error:
                mend = "name a registry or an OCI layout that has it: --base-registry REGISTRY, --base-layout DIR"
                raise InputError(f"the base {reference} cannot be had: {error.message}", hint=mend) from error
            step.note(f"{found.config.value.os_version}, {found.descriptor.digest}")
        record.parent.mkdir(parents=True, exist_ok=True)
        write_file(record, msgspec.json.encode(found.descriptor), tmp=layout.tmp)
    return found


def _recall_base(record: Path, layout: Layout) -> Image | None:
    """Return what the registry had the last time, unless that was thrown away."""
    try:
        return layout.image(msgspec.json.decode(record.read_bytes(), type=Descriptor))
    except (FileNotFoundError, msgspec.DecodeError, StoreError):
        return None


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


def check_windows_image(
    image: Image, layout: Layout, progress: Progress, environment: Mapping[str, str], *, with_wine: bool
) -> list[Finding]:
    """Return what is wrong with a Windows image, also what only Wine shows where that is to be asked."""
    from brewhouse.check.windows import check_windows
    from brewhouse.check.wine import wine_findings

    found = list(check_windows(image, layout))
    if with_wine:
        found += wine_findings(image, layout, find_wine(layout, progress, Trust(*trust(environment))))
    return found


def run_windows(image: Image, options: Options, layout: Layout, environment: Mapping[str, str]) -> int:
    """Return the exit status of a container of a Windows image; Wine is made the first time."""
    wine = find_wine(layout, Progress(Plain()), Trust(*trust(environment)))
    return run_windows_container(image, options, layout, environment, wine)
