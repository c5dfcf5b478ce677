"""RUN: a command in the sandbox, and the layer that it leaves."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import msgspec

from brewhouse.build.cache.steps import cache_key, chain_key
from brewhouse.build.instruct import Draft, run_environment
from brewhouse.build.run.command import INLINE_FOLDER, Script, process_args
from brewhouse.build.run.mounts import identify_mounts, open_mounts
from brewhouse.build.site import Site
from brewhouse.dockerfile.golang import quote
from brewhouse.dockerfile.instruction import Run
from brewhouse.errors import BuildError, InputError
from brewhouse.model import Layer, Mount
from brewhouse.model import Run as Command
from brewhouse.oci.platform import platform_arch
from brewhouse.system.container.sandbox import run_in_sandbox
from brewhouse.system.machine import require_programs_of
from brewhouse.system.progress.log import Step
from brewhouse.system.run import signal_name

HOSTNAME = "buildkitsandbox"
_KERNEL_FOLDERS = ("proc", "sys", "dev")
_PROXIES = frozenset({"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"})


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
    inputs = identify_mounts(site, instruction.mounts)
    key = cache_key("run", chain_key(layers), msgspec.to_builtins(command), msgspec.to_builtins(script), inputs)

    def make() -> Layer:
        require_programs_of(platform_arch(draft.image.platform))
        return _execute(site, layers, instruction, (command, script), step)

    return site.shop.remember([key], step, make)


def _execute(
    site: Site, layers: tuple[Layer, ...], instruction: Run, what: tuple[Command, Script | None], step: Step
) -> Layer:
    command, script = what
    shop = site.shop
    with ExitStack() as opened:
        opening = open_mounts(site, instruction.mounts, command.cwd, opened)
        request = shop.request
        full = msgspec.structs.replace(
            command,
            mounts=(*opening.mounts, *_script_mount(site, script), *request.trust.mounts),
            env=(*command.env, *proxies(request.build_args), *opening.env, *request.trust.env),
        )
        with shop.root(layers) as root:
            _make_kernel_folders(root.path)
            status = run_in_sandbox(root.path, full, state=shop.folder("run"), output=step.output)
            if status:
                raise _failed(command.args, status)
        return root.layer()


def proxies(build_args: Mapping[str, str]) -> tuple[str, ...]:
    """Return the predefined proxy arguments as variables, each in both cases whichever it was given in.

    They are stronger than what the Dockerfile says, since they tell of the machine that builds.
    Source: proxyEnvFromBuildArgs of dockerfile2llb, and the executor, in moby/buildkit.
    """
    given = {name.lower(): value for name, value in build_args.items() if name.lower() in _PROXIES}
    return tuple(f"{spelt}={value}" for name, value in given.items() for spelt in (name.upper(), name))


def _make_kernel_folders(root: Path) -> None:
    """Make what the runtime mounts the kernel's file systems on: these folders stay in the layer, as in BuildKit."""
    for name in _KERNEL_FOLDERS:
        if not os.path.lexists(root / name):
            (root / name).mkdir()
            (root / name).chmod(0o755)


def _script_mount(site: Site, script: Script | None) -> tuple[Mount, ...]:
    if script is None:
        return ()
    file = site.shop.folder("script") / script.name
    file.write_text(script.content, encoding="utf-8")
    file.chmod(0o755)
    return (Mount(f"{INLINE_FOLDER}/{script.name}", str(file), read_only=True),)


def _network(site: Site, instruction: Run) -> Literal["host", "none"]:
    """Return the network of a step; raises InputError for one that wants what --allow does not name."""
    if instruction.security == "insecure":
        raise InputError("security.insecure is not supported", hint="leave --security out: steps run in the sandbox")
    if instruction.network == "host" and "network.host" not in site.shop.request.allowed:
        raise InputError("network.host is not allowed", hint="add: --allow network.host")
    wanted = instruction.network if instruction.network != "default" else site.shop.request.network
    return "none" if wanted == "none" else "host"


def _failed(args: tuple[str, ...], status: int) -> BuildError:
    """Return the error for a command that failed, in BuildKit's words."""
    cause = f" ({signal_name(status)})" if signal_name(status) else ""
    return BuildError(f"process {quote(' '.join(args))} did not complete successfully: exit code: {status}{cause}")
