"""RUN: what it is known by, and the layer that it leaves."""

from contextlib import ExitStack
from typing import Literal

import msgspec

from brewhouse.build.instruct import Draft, run_environment
from brewhouse.build.run.command import process_args
from brewhouse.build.run.identify import identify_mounts, read_mounts, stages_of
from brewhouse.build.site import Site
from brewhouse.build.task import Reading, Task
from brewhouse.dockerfile.instruction import Run
from brewhouse.errors import InputError
from brewhouse.model import Layer
from brewhouse.model import Run as Command
from brewhouse.oci.platform import platform_arch
from brewhouse.system.progress.log import Step

HOSTNAME = "buildkitsandbox"


def run_task(site: Site, draft: Draft, instruction: Run) -> Task:
    """Return the step that a command is.

    Secrets, the network's settings and predefined proxy variables reach the command, but neither key nor config.
    """
    args, script = process_args(instruction.command, draft.config)
    if not args:
        raise InputError("arguments are required", hint="name a command")
    command = Command(
        args=args,
        env=run_environment(draft),
        cwd=draft.config.working_dir or "/",
        user=draft.config.user,
        network=_network(site, instruction),
        hostname=site.shop.request.build_args.get("BUILDKIT_SANDBOX_HOSTNAME") or HOSTNAME,
        hosts=site.shop.request.hosts,
        shm_bytes=site.shop.request.shm_bytes,
        ulimits=site.shop.request.ulimits,
    )
    site.shop.request.gate.ran(instruction.mounts, network=command.network != "none")
    mounts = identify_mounts(site, instruction.mounts)
    what = [str(draft.image.platform), msgspec.to_builtins(command), msgspec.to_builtins(script)]

    def make(layers: tuple[Layer, ...], step: Step) -> Layer:
        from brewhouse.build.run.execute import execute
        from brewhouse.system.machine import require_programs_of

        require_programs_of(platform_arch(draft.image.platform))
        return execute(site, layers, instruction, (command, script), step)

    def read(_opened: ExitStack) -> Reading:
        shown = read_mounts(site, instruction.mounts)
        return Reading(make, None if shown is None else [*what, mounts.own, shown])

    return Task(
        "run",
        [*what, mounts.rows],
        read,
        stages_of(site, instruction.mounts),
        is_volatile=mounts.is_volatile,
    )


def _network(site: Site, instruction: Run) -> Literal["host", "none"]:
    """Return the network of a step."""
    wanted = instruction.network if instruction.network != "default" else site.shop.request.network
    return "none" if wanted == "none" else "host"
