"""Which stages, and whether the context, are to have a bill of materials of their own: pure.

Source: docs/attestations/sbom.md of moby/buildkit.
"""

from collections.abc import Iterable, Mapping

from brewhouse.build.graph import Plan
from brewhouse.dockerfile.golang import parse_bool
from brewhouse.dockerfile.instruction import Arg, Dockerfile, Instruction
from brewhouse.errors import DockerfileError

SCAN_STAGE, SCAN_CONTEXT = "BUILDKIT_SBOM_SCAN_STAGE", "BUILDKIT_SBOM_SCAN_CONTEXT"


def scanned(
    name: str, dockerfile: Dockerfile, plans: Mapping[int, Plan], build_args: Mapping[str, str]
) -> tuple[int, ...]:
    """Return the stages in which the argument `name` is true or a list with the stage's name, of those that are built.

    It counts where it is declared, before the first FROM for all stages, and may then be given on the command line.
    """
    common = _declared(name, dockerfile.global_args, build_args, "")
    return tuple(
        index
        for index, plan in sorted(plans.items())
        if _is_meant(plan.stage.name or "", _declared(name, plan.stage.instructions, build_args, common))
    )


def _declared(name: str, instructions: Iterable[Instruction], build_args: Mapping[str, str], common: str) -> str:
    value = common
    for instruction in instructions:
        for argument in instruction.arguments if isinstance(instruction, Arg) else ():
            if argument.name == name:
                value = build_args.get(name, argument.default or common)
    return value


def _is_meant(stage: str, value: str) -> bool:
    try:
        return parse_bool(value)
    except DockerfileError:
        return bool(stage) and stage in value.lower().split(",")
