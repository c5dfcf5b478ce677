"""The images that a Dockerfile is built from."""

from collections.abc import Iterator

from brewhouse.dockerfile.instruction import Copy, Dockerfile, Instruction, Run
from brewhouse.dockerfile.parse import parse_dockerfile
from brewhouse.model import Context

_NO_IMAGE = "scratch"


def find_parents(context: Context, name: str) -> tuple[str, ...]:
    """Return the images that the Dockerfile of a context names, each once, in order; none without a Dockerfile.

    `name` is what errors call the Dockerfile. Names that hold variables are left to the builder.
    """
    text = context.files.get("Dockerfile")
    return tuple(dict.fromkeys(_images(parse_dockerfile(text, name)))) if text else ()


def _images(dockerfile: Dockerfile) -> Iterator[str]:
    stages = {name for stage in dockerfile.stages for name in (stage.name, str(stage.index)) if name}
    for stage in dockerfile.stages:
        for name in (stage.from_.image, *_sources(stage.instructions)):
            if name.lower() not in stages and name != _NO_IMAGE and "$" not in name:
                yield name


def _sources(instructions: tuple[Instruction, ...]) -> Iterator[str]:
    for instruction in instructions:
        if isinstance(instruction, Copy) and instruction.from_:
            yield instruction.from_
        if isinstance(instruction, Run):
            yield from (mount.from_ for mount in instruction.mounts if mount.from_)
