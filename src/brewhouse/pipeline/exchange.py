"""What a build takes from elsewhere: base images, named contexts.

Builds know nothing of registries: what is not in the store comes by `copying`.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import msgspec

from brewhouse.build.image import Made, make_image
from brewhouse.build.inputs.access import Access, git_access, http_headers
from brewhouse.build.inputs.context import FetchContext, is_remote
from brewhouse.build.inputs.gate import Gate, repository_address
from brewhouse.build.request import BuildRequest, OpenContext, local_context
from brewhouse.dockerfile.giturl import parse_git
from brewhouse.errors import BrewError, InputError
from brewhouse.model import Image
from brewhouse.oci.digest import Digest, parse_digest
from brewhouse.oci.platform import Platform, fits
from brewhouse.oci.reference import DEFAULT_DOMAIN, Reference
from brewhouse.pipeline.outside import Outside
from brewhouse.system.executor import Once
from brewhouse.system.network.address import without_password
from brewhouse.system.store.disk import new_folder
from brewhouse.system.store.layout import CHOSEN_FROM, Layout

_LAYOUT = "oci-layout://"


def build_platforms(request: BuildRequest, platforms: Sequence[Platform], outside: Outside) -> list[Made]:
    """Return the image of each platform, one after the other: the stages of one are built at the same time."""
    replace = msgspec.structs.replace
    return [make_image(replace(request, platform=platform), outside.layout, outside.progress) for platform in platforms]


class BaseImages:
    """Base images: in the store, else in their registries; with `pull` always asked there.

    The layers of one that comes from a registry are fetched when somebody needs them.
    """

    def __init__(self, outside: Outside, gate: Gate, *, pull: bool) -> None:
        """Ask nobody yet."""
        self._outside = outside
        self._gate = gate
        self._pull = pull
        self._fetches: dict[Digest, tuple[Reference, Platform, Callable[[], object]]] = {}
        self._fetched = Once(self._fetch)

    def find(self, reference: Reference, platform: Platform) -> Image:
        """Return an image, whose layers may not be in the store; raises InputError where there is none."""
        reference = self._gate.admit_image(reference)
        image = self._look(reference, platform)
        self._gate.took_image(reference, platform, image)
        return image

    def need(self, image: Image) -> None:
        """Put the layers of an image that was found into the store, if they are not there."""
        self._fetched.get(image.descriptor.digest)

    def _look(self, reference: Reference, platform: Platform) -> Image:
        known = None if self._pull else _stored_image(reference, platform, self._outside.layout)
        if known:
            return known
        from brewhouse.pipeline.copying import look_at_base

        try:
            image, fetch = look_at_base(reference, platform, self._outside)
        except BrewError as error:
            raise self._fault(reference, platform, error) from error
        self._fetches[image.descriptor.digest] = (reference, platform, fetch)
        if platform.os == "windows":
            self.need(image)  # what Windows itself is among the layers is looked for before anything is built
        return image

    def _fetch(self, digest: Digest) -> None:
        if digest in self._fetches:
            reference, platform, fetch = self._fetches[digest]
            try:
                fetch()
            except BrewError as error:
                raise self._fault(reference, platform, error) from error

    def _fault(self, reference: Reference, platform: Platform, error: BrewError) -> InputError:
        mend = f"make it: brewhouse brew {reference}" if reference.domain == DEFAULT_DOMAIN else error.hint
        where = "cannot be pulled" if self._pull else f"is not in the store for {platform}, and cannot be pulled"
        return InputError(f"image `{reference}` {where}: {error.message}", hint=mend)


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
