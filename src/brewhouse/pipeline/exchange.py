"""What a build takes from elsewhere and gives elsewhere: base images, named contexts, results; stores and registries.

Builds know nothing of registries, and what publishes knows nothing of builds: here they meet.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

import msgspec

from brewhouse.build.access import Access, git_access, http_headers
from brewhouse.build.archive import is_archive, unpack_archive
from brewhouse.build.context import FetchContext, is_remote
from brewhouse.build.image import Made, make_image
from brewhouse.build.request import BuildRequest, FindImage, OpenContext, local_context
from brewhouse.dockerfile.giturl import parse_git
from brewhouse.errors import BrewError, InputError
from brewhouse.model import Image
from brewhouse.oci.digest import parse_digest
from brewhouse.oci.document import REF_NAME, Descriptor
from brewhouse.oci.platform import PLATFORMS, Platform, host_arch
from brewhouse.oci.reference import Reference
from brewhouse.publish.copy import copy_tree
from brewhouse.publish.ends import LayoutSource, LayoutTarget, RegistryTarget
from brewhouse.publish.location import Location
from brewhouse.publish.opened import find_entry, open_folder, open_target, partial_folder, registry_source
from brewhouse.publish.transfer import pull_image
from brewhouse.publish.tree import check_image, read_tree
from brewhouse.system.checkout import check_out
from brewhouse.system.http import download, without_password
from brewhouse.system.layout import Layout
from brewhouse.system.log import Progress
from brewhouse.system.registry.registries import Registries

_LAYOUT = "oci-layout://"


class Outside(msgspec.Struct, frozen=True):
    """What reaches further than the build: the store, the registries, and where is told what they do."""

    layout: Layout
    registries: Registries
    progress: Progress


def build_platforms(request: BuildRequest, platforms: Sequence[Platform], outside: Outside) -> list[Made]:
    """Return the image of each platform, one after the other: the stages of one are built at the same time."""
    replace = msgspec.structs.replace
    return [make_image(replace(request, platform=platform), outside.layout, outside.progress) for platform in platforms]


def image_finder(outside: Outside, *, pull: bool) -> FindImage:
    """Return what finds base images: in the store, else in their registries; with `pull` always asked there."""

    def find(reference: Reference, platform: Platform) -> Image:
        descriptor = None if pull else outside.layout.find(reference)
        if descriptor:
            return outside.layout.image(descriptor, platform)
        try:
            return _pull(reference, platform, outside)
        except BrewError as error:
            mend = f"make it: brewhouse brew {reference}"
            where = "cannot be pulled" if pull else "is not in the store, and cannot be pulled"
            raise InputError(f"image `{reference}` {where}: {error.message}", hint=mend) from error

    return find


def _pull(reference: Reference, platform: Platform, outside: Outside) -> Image:
    """Return an image of a registry; the name in the store is for this machine's platform only."""
    layout, progress = outside.layout, outside.progress
    if platform == PLATFORMS[host_arch()]:
        return pull_image(reference, platform, layout, outside.registries, progress).image
    source = registry_source(reference, outside.registries)
    tree = read_tree(source, platform)
    check_image(tree, source)
    copy_tree(tree, source, LayoutTarget(layout, (), partial_folder(layout)), progress)
    return layout.image(tree.descriptor)


def context_fetcher(access: Access, outside: Outside) -> FetchContext:
    """Return what fetches contexts: the folder of a repository, or the file behind a URL."""

    def fetch(text: str) -> Path:
        layout, source = outside.layout, parse_git(text, local=True)
        with outside.progress.step(f"[context] {without_password(text)}") as step:
            if source:
                return check_out(source, layout, git_access(source, access), step, local=True).folder
            return download(text, None, layout.downloads, step, headers=http_headers(text, access)).path

    return fetch


def context_opener(fetch: FetchContext, outside: Outside) -> OpenContext:
    """Return what opens named contexts: oci-layout://, addresses, folders."""

    def open_context(text: str, platform: Platform) -> Image | Path:
        if text.startswith(_LAYOUT):
            return _layout_image(text.removeprefix(_LAYOUT), platform, outside)
        if not is_remote(text):
            return local_context(text, platform)
        found = fetch(text)
        if found.is_dir():
            return found
        folder = Path(mkdtemp(prefix="context-", dir=outside.layout.tmp))
        if is_archive(found):
            unpack_archive(found, folder)
        else:
            shutil.copyfile(found, folder / "context")  # the name that BuildKit gives it
        return folder

    return open_context


def _layout_image(text: str, platform: Platform, outside: Outside) -> Image:
    """Return the image of a layout, PATH[:TAG|@DIGEST], once it is in the store."""
    path, at, digest = text.partition("@")
    tag = ""
    if not at and not Path(path).is_dir():
        path, _, tag = path.rpartition(":")
    with open_folder(Path(path), is_new=False) as layout:
        entry = _entry_by_digest(layout, digest, text) if at else find_entry(layout, _whole_name(layout, tag), path)
        source = LayoutSource(layout, entry)
        tree = read_tree(source, platform)
        check_image(tree, source)
        copy_tree(tree, source, LayoutTarget(outside.layout), outside.progress)
    return outside.layout.image(tree.descriptor, platform)


def _whole_name(layout: Layout, tag: str) -> str:
    """Return how a layout names what a tag stands for: by the tag alone, or by an image's name with the tag."""
    names = [entry.annotations.get(REF_NAME, "") for entry in layout.index().manifests]
    return next((name for name in names if tag and name.endswith(f":{tag}")), tag)


def _entry_by_digest(layout: Layout, digest: str, text: str) -> Descriptor:
    for entry in layout.index().manifests:
        if entry.digest == parse_digest(digest):
            return entry
    raise InputError(f"the layout has no image `{text}`", hint="name one of its index.json, by tag or digest")


def send_image(descriptor: Descriptor, target: Location, outside: Outside) -> None:
    """Copy what the store has to a layout or an archive of its own."""
    source = LayoutSource(outside.layout, descriptor)
    with open_target(target, outside.layout, outside.registries) as end:
        copy_tree(read_tree(source), source, end, outside.progress)


def push_result(descriptor: Descriptor, reference: Reference, outside: Outside) -> None:
    """Push what the store has to a registry, whether it has a name there or not."""
    source = LayoutSource(outside.layout, descriptor)
    target = RegistryTarget(outside.registries.origin(reference), reference.tag)
    copy_tree(read_tree(source), source, target, outside.progress)
