"""One random build, and what must hold of it whatever it is."""

import faulthandler
import io
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import msgspec

from brewhouse.build.image import build_image
from brewhouse.build.request import BuildRequest
from brewhouse.errors import BrewError, InputError
from brewhouse.model import Image
from brewhouse.oci.platform import PLATFORMS, Platform, host_arch
from brewhouse.oci.reference import Reference, parse_reference
from brewhouse.system.archive.decompress import decompressed
from brewhouse.system.progress.log import Progress, Quiet
from brewhouse.system.store.catalog import find_image
from brewhouse.system.store.layout import Layout
from tests.fuzz.contexts import Node, make_context
from tests.fuzz.runs import SECRETS

LONGEST_SECONDS = 10
SECRET = b"what nobody may read\n"
ARGUMENTS = {"v": "a/b", "w": ""}


class World:
    """A folder with a context, and beside it something that no build may read or change."""

    def __init__(self, root: Path) -> None:
        """Make the folder and what lies in it."""
        self.context, self.victim = root / "context", root / "victim"
        self.victim.mkdir(parents=True)
        (self.victim / "hello").write_bytes(SECRET)
        self._root = root
        self._before = self._around()

    def _around(self) -> list[tuple[str, int, int]]:
        beside = [path for path in sorted(self._root.rglob("*")) if not path.is_relative_to(self.context)]
        return [(str(path), path.lstat().st_mode, path.lstat().st_mtime_ns) for path in beside]

    def fill(self, nodes: Sequence[Node]) -> None:
        """Make the context of one build."""
        shutil.rmtree(self.context, ignore_errors=True)
        self.context.mkdir()
        make_context(nodes, self.context, self.victim)

    def check(self) -> None:
        """Fail where something beside the context was changed."""
        assert self._around() == self._before


class Example(msgspec.Struct, frozen=True):
    """What is built: a context, and the texts of Dockerfile and .dockerignore."""

    nodes: tuple[Node, ...]
    dockerfile: str
    ignore: str = ""


def build(
    world: World, example: Example, layout: Layout, *, base: str = "", seconds: int = LONGEST_SECONDS
) -> Image | BrewError:
    """Build, and return the image, or what the build was refused for; anything else ends the program.

    `base` is the name of an image of the store that the Dockerfile may build on; a build may take so many `seconds`.
    """

    def find(reference: Reference, _platform: Platform) -> Image:
        if reference != parse_reference(base or "nothing"):
            raise InputError(f"there is no {reference}")
        return find_image(layout, base)

    request = BuildRequest(
        dockerfile=example.dockerfile.encode("utf-8", "surrogatepass"),
        name="Dockerfile",
        context=world.context,
        platform=PLATFORMS[host_arch()],
        find_image=find,
        ignore=example.ignore.encode("utf-8", "surrogatepass"),
        build_args=ARGUMENTS,
        secrets=SECRETS,
        no_cache=True,
    )
    # a build that hangs, hangs in threads: only the end of the whole process ends it
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        image = build_image(request, layout, Progress(Quiet()))
    except BrewError as error:
        if not error.message or "\n" in error.message:
            raise AssertionError(f"no single line: {error.message!r}") from error
        return error
    finally:
        faulthandler.cancel_dump_traceback_later()
        world.check()
    for layer in image.manifest.value.layers:
        check_layer(layout.blob_path(layer.digest))
    return image


def check_layer(blob: Path) -> None:
    """Fail where a layer has a name that leads out of its root, or content from beside the context."""
    with blob.open("rb") as file:
        content = b"".join(decompressed(file, blob.name))
    assert SECRET not in content
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            assert not path.is_absolute(), member.name
            assert ".." not in path.parts, member.name
            if member.islnk():
                assert ".." not in PurePosixPath(member.linkname).parts, member.linkname
