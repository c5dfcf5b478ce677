"""A family `tool` to be published: its images in a store, and the program that publishes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from brewhouse.model import CONTEXT_ANNOTATION
from brewhouse.oci.document import ContainerConfig
from brewhouse.oci.platform import PLATFORMS, Arch
from brewhouse.publish.annotations import annotated
from brewhouse.system.store.layout import Layout, open_layout
from tests.support.families import tiny_files
from tests.support.program import Program, Ran
from tests.support.store import files, make_image

SIMPLE = ["1.2.10-trixie", "1.2-trixie", "1-trixie", "trixie"]
SHARED = ["1.2.10", "1.2", "1", "latest"]
NAMES = {Arch.AMD64: "tool:1.2.10-trixie", Arch.ARM64V8: "arm64v8/tool:1.2.10-trixie"}


class Named(Protocol):
    """A registry, or what stands before one."""

    domain: str

    def name(self, path: str) -> str: ...


def publisher(folder: Path) -> Program:
    """Return the program with the family in `folder`, and its base in the store."""
    family = folder / "families" / "tool"
    family.mkdir(parents=True)
    for name, content in tiny_files().items():
        (family / name).write_bytes(content)
    program = Program(folder / "store")
    with open_layout(program.store) as layout:
        make_image(layout, ["debian:trixie"], [files(base="debian")])
    return program


def brewed(layout: Layout, arch: Arch, context: str) -> None:
    """Store an image as `brew` does, made from a context."""
    config = ContainerConfig(cmd=("tool",))
    layers = [files(base="debian"), files(tool=f"{arch} {context}")]
    image = make_image(layout, [], layers, config, PLATFORMS[arch])
    manifest = annotated(image.manifest.value, {CONTEXT_ANNOTATION: context})
    layout.tag([NAMES[arch]], layout.write_image(image.config, manifest).descriptor)


def fill(program: Program, *arches: Arch, context: str = "sha256:one") -> None:
    with open_layout(program.store) as layout:
        for arch in arches:
            brewed(layout, arch, context)


def publish(program: Program, served: Named, *words: str) -> Ran:
    """Publish the newest version, and return how that went."""
    return program.run(*words_of(program, served), *words)


def words_of(program: Program, served: Named) -> tuple[str, ...]:
    """Return the words that publish the newest version."""
    folder = program.store.with_name("families")
    names = ("tool:1.2", "--to", f"{served.domain}/acme")
    return ("--families", str(folder), "--progress", "quiet", "publish", *names)


def tags(program: Program, served: Named, repository: str) -> Sequence[str]:
    """Return the tags of a repository, sorted; none where it is not there."""
    ran = program.run("registry", "tags", served.name(repository))
    return sorted(ran.stdout.split()) if ran.status == 0 else []
