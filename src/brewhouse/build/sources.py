"""What COPY --from and RUN --mount name: stages, images, contexts: pure.

Source: toCommand, validateCircularDependency and dispatchStates of dockerfile2llb; NamedContext of dockerui, in
moby/buildkit; ParseNormalizedNamed and FamiliarString of distribution/reference.
"""

import re
from collections.abc import Iterator, Sequence

from brewhouse.dockerfile.golang import quote
from brewhouse.dockerfile.instruction import Copy, Instruction, Run, Stage
from brewhouse.errors import DockerfileError, InputError
from brewhouse.oci.reference import Reference, parse_reference

_INDEX = r"[+-]?[0-9]{1,18}"


def used_names(instructions: Sequence[Instruction]) -> Iterator[str]:
    """Yield the texts of all COPY --from and RUN --mount from."""
    for instruction in instructions:
        if isinstance(instruction, Copy) and instruction.from_:
            yield instruction.from_
        if isinstance(instruction, Run):
            yield from (mount.from_ for mount in instruction.mounts if mount.from_)


def find_source(name: str, stages: Sequence[Stage]) -> int | None:
    """Return the stage that a name or a number means, wherever it stands; of several of a name the last.

    Raises InputError for a number that no stage has.
    """
    if re.fullmatch(_INDEX, name):
        if not 0 <= int(name) < len(stages):
            raise InputError(
                f"invalid stage index {int(name)}", hint=f"stages are numbered from 0 to {len(stages) - 1}"
            )
        return int(name)
    named = [stage.index for stage in stages if stage.name and stage.name == name.lower()]
    return named[-1] if named else None


def check_sources(stages: Sequence[Stage]) -> None:
    """Raise DockerfileError where a number is no stage's, or where stages copy from each other, needed or not."""
    needs = [_needs(stage, stages) for stage in stages]
    visited: set[int] = set()
    for stage in stages:
        instruction = _circle(stage.index, needs, visited)
        if instruction is not None:
            problem = f"circular dependency detected on stage: {stage.name or f'stage-{stage.index}'}"
            raise DockerfileError(problem, location=instruction.location)


def _needs(stage: Stage, stages: Sequence[Stage]) -> list[tuple[int, Instruction]]:
    """Return the stages that one copies from, each with the instruction that says so."""
    found = []
    for instruction in stage.instructions:
        for name in used_names([instruction]):
            try:
                index = find_source(name, stages)
            except InputError as error:
                raise DockerfileError(error.message, hint=error.hint, location=instruction.location) from error
            found += [] if index is None else [(index, instruction)]
    return found


def _circle(start: int, needs: Sequence[Sequence[tuple[int, Instruction]]], visited: set[int]) -> Instruction | None:
    """Return the first instruction of a way that leads back to itself; without recursion, since files may be long."""
    if start in visited:
        return None
    visited.add(start)
    way, left = [start], [iter(needs[start])]
    steps: list[Instruction] = []
    while way:
        needed, instruction = next(left[-1], (None, None))
        if needed is None or instruction is None:
            way.pop()
            left.pop()
            del steps[-1:]
        elif needed in way:
            return (*steps, instruction)[0]
        elif needed not in visited:
            visited.add(needed)
            way.append(needed)
            left.append(iter(needs[needed]))
            steps.append(instruction)
    return None


def parse_name(name: str) -> Reference:
    """Return the image that a name in a Dockerfile means; raises InputError in BuildKit's words."""
    try:
        return parse_reference(name)
    except InputError as error:
        repository = name.partition("@")[0].rpartition("/")[2].partition(":")[0]
        reason = "invalid reference format"
        if repository != repository.lower():
            place = repository if "/" in name else f"library/{repository}"
            reason += f": repository name ({place}) must be lowercase"
        raise InputError(f"failed to parse stage name {quote(name)}: {reason}", hint=error.hint) from error


def familiar_name(name: str) -> str:
    """Return a name as its named context is called: docker.io/library/busybox:latest is "busybox".

    "::linux/arm64" behind it stays. What is no reference comes back as it is.
    """
    bare, colons, platform = name.partition("::")
    try:
        familiar = str(parse_reference(bare)).removesuffix(":latest")
    except InputError:
        familiar = bare
    return familiar + colons + platform
