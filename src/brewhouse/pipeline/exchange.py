"""What a build takes from elsewhere: base images, named contexts.

Builds know nothing of registries: what is not in the store comes by `copying`.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from brewhouse.build.image import Made, make_image
from brewhouse.build.inputs.access import Access, git_access, http_headers
from brewhouse.build.inputs.context import FetchContext, is_remote
from brewhouse.build.inputs.gate import Gate, repository_address
from brewhouse.build.request import BuildRequest, FindImage, OpenContext, local_context
from brewhouse.dockerfile.giturl import parse_git
from brewhouse.errors import BrewError, InputError
from brewhouse.model import Image
from brewhouse.oci.digest import parse_digest
from brewhouse.oci.platform import Platform, fits
from brewhouse.oci.reference import DEFAULT_DOMAIN, Reference
from brewhouse.pipeline.outside import Outside
from brewhouse.system.network.address import without_password
from brewhouse.system.store.disk import new_folder
from brewhouse.system.store.layout import CHOSEN_FROM, Layout

_LAYOUT = "oci-layout://"


def build_platforms(request: BuildRequest, platforms: Sequence[Platform], outside: Outside) -> list[Made]:
    """Return the image of each platform, one after the other: the stages of one are built at the same time."""
    replace = msgspec.structs.replace
    return [make_image(replace(request, platform=platform), outside.layout, outside.progress) for platform in platforms]


def image_finder(outside: Outside, gate: Gate, *, pull: bool) -> FindImage:
    """Return what finds base images: in the store, else in their registries; with `pull` always asked there."""

    def find(reference: Reference, platform: Platform) -> Image:
        reference = gate.admit_image(reference)
        image = look(reference, platform)
        gate.took_image(reference, platform, image)
        return image

    def look(reference: Reference, platform: Platform) -> Image:
        known = None if pull else _stored_image(reference, platform, outside.layout)
        if known:
            return known
        try:
            from brewhouse.pipeline.copying import pull_base

            return pull_base(reference, platform, outside)
        except BrewError as error:
            mend = f"make it: brewhouse brew {reference}" if reference.domain == DEFAULT_DOMAIN else error.hint
            where = "cannot be pulled" if pull else f"is not in the store for {platform}, and cannot be pulled"
            raise InputError(f"image `{reference}` {where}: {error.message}", hint=mend) from error

    return find


def _stored_image(reference: Reference, platform: Platform, layout: Layout) -> Image | None:
    """Return the image that has a name in the store; not one that was pulled of several, for another platform.

    An image that its registry has for one platform only is taken for whatever it is asked for, as BuildKit takes it.
    """
    entry = layout.find(reference)
    image = layout.image(entry, platform) if entry else None
    if entry and image and CHOSEN_FROM in entry.annotations and not fits(image.config.value.platform, platform):
        return None
    return image


def context_fetcher(access: Access, outside: Outside, gate: Gate, *, keep_git_dir: bool = False) -> FetchContext:
    """Return what fetches contexts, each once: the folder of a repository, or the file behind a URL."""

    @cache
    def fetch(text: str) -> Path:
        from brewhouse.system.network.checkout import check_out
        from brewhouse.system.network.http import download

        layout, source = outside.layout, parse_git(text, local=True)
        with outside.progress.step(f"[context] {without_password(text)}") as step:
            if source:
                keep = keep_git_dir or source.keep_git_dir
                source = msgspec.structs.replace(source, keep_git_dir=keep)
                admitted = gate.admit_repository(source)
                found = check_out(admitted, layout, git_access(admitted, access), step, local=True)
                gate.took_repository(text if admitted == source else repository_address(admitted), found.commit)
                return found.folder
            url, checksum = gate.admit_file(text)
            digest = parse_digest(checksum) if checksum else None
            fetched = download(url, digest, layout.downloads, step, headers=http_headers(url, access))
            gate.took_file(url, fetched.sha256)
            return fetched.path

    return fetch


def context_opener(fetch: FetchContext, outside: Outside, gate: Gate) -> OpenContext:
    """Return what opens named contexts: oci-layout://, addresses, folders."""

    def open_context(text: str, platform: Platform) -> Image | Path:
        if text.startswith(_LAYOUT):
            from brewhouse.pipeline.copying import layout_image

            image = layout_image(text.removeprefix(_LAYOUT), platform, outside)
            gate.took_layout(text.removeprefix(_LAYOUT), platform, image)
            return image
        if not is_remote(text):
            return local_context(text, platform)
        found = fetch(text)
        if found.is_dir():
            return found
        import shutil

        from brewhouse.build.inputs.archive import is_archive, unpack_archive

        folder = new_folder(outside.layout.tmp, "context")
        if is_archive(found):
            unpack_archive(found, folder)
        else:
            shutil.copyfile(found, folder / "context")  # the name that BuildKit gives it
        return folder

    return open_context
