"""RUN: what it is known by, and the layer that it leaves."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from brewhouse.build.cache.steps import cache_key, chain_key
from brewhouse.build.files.content import Room, content_digest
from brewhouse.build.files.select import select
from brewhouse.build.files.walk import Choice
from brewhouse.build.graph import Folder
from brewhouse.build.instruct import Draft, run_environment
from brewhouse.build.run.command import process_args
from brewhouse.build.site import Site
from brewhouse.dockerfile.instruction import Mount, Run
from brewhouse.errors import InputError
from brewhouse.model import Layer
from brewhouse.model import Run as Command
from brewhouse.oci.platform import platform_arch
from brewhouse.system.progress.log import Step

HOSTNAME = "buildkitsandbox"


def run_step(site: Site, draft: Draft, layers: tuple[Layer, ...], instruction: Run, step: Step) -> Layer:
    """Return the layer that a command leaves, from the cache if nothing that decides it changed.

    Secrets, the network's settings and predefined proxy variables reach the command, but neither key nor config.
    """
    args, script = process_args(instruction.command, draft.config)
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
    inputs = _identify_mounts(site, instruction.mounts)
    key = cache_key("run", chain_key(layers), msgspec.to_builtins(command), msgspec.to_builtins(script), inputs)

    def make() -> Layer:
        from brewhouse.build.run.execute import execute
        from brewhouse.system.machine import require_programs_of

        require_programs_of(platform_arch(draft.image.platform))
        return execute(site, layers, instruction, (command, script), step)

    return site.shop.remember([key], step, make)


def _network(site: Site, instruction: Run) -> Literal["host", "none"]:
    """Return the network of a step; raises InputError for one that wants what --allow does not name."""
    if instruction.security == "insecure":
        raise InputError("security.insecure is not supported", hint="leave --security out: steps run in the sandbox")
    if instruction.network == "host" and "network.host" not in site.shop.request.allowed:
        raise InputError("network.host is not allowed", hint="add: --allow network.host")
    wanted = instruction.network if instruction.network != "default" else site.shop.request.network
    return "none" if wanted == "none" else "host"


def _identify_mounts(site: Site, wanted: Sequence[Mount]) -> list[object]:
    """Return what the mounts add to a step's key: binds by content, caches and secrets by name only."""
    return [_identify(site, mount) for mount in wanted]


def _identify(site: Site, mount: Mount) -> object:
    row = [mount.type, mount.target, mount.source, mount.id, mount.env or ""]
    if mount.type != "bind":
        return row
    origin = site.origin(mount.from_)
    if origin is not None and not isinstance(origin, Folder):
        return [*row, chain_key(site.layers(origin))]
    with site.tree(origin) as tree:
        items = select(tree, mount.source or "/", Choice())
        return [*row, content_digest(items, site.shop.files, Room(site.shop.layout.tmp), owned=False)]
