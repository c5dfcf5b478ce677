"""Running the command of a RUN in the sandbox."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from brewhouse.build.run.command import INLINE_FOLDER, Script
from brewhouse.build.run.mounts import open_mounts
from brewhouse.build.site import Site
from brewhouse.build.workshop import Workshop
from brewhouse.dockerfile.golang import quote
from brewhouse.dockerfile.instruction import Run
from brewhouse.errors import BuildError, InputError
from brewhouse.model import Layer, Mount, Ulimit
from brewhouse.model import Run as Command
from brewhouse.system.container.sandbox import MountError, run_in_sandbox
from brewhouse.system.program import signal_name
from brewhouse.system.progress.log import Step

_KERNEL_FOLDERS = ("proc", "sys", "dev")
_PROXIES = frozenset({"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"})


def execute(
    site: Site, layers: tuple[Layer, ...], instruction: Run, what: tuple[Command, Script | None], step: Step
) -> Layer:
    """Return the layer that a command with its script leaves; raises BuildError where it fails."""
    command, script = what
    shop = site.shop
    with ExitStack() as opened:
        opening = open_mounts(site, instruction.mounts, command.cwd, opened)
        request = shop.request
        full = msgspec.structs.replace(
            command,
            mounts=(*opening.mounts, *_script_mount(site, script), *request.trust.mounts),
            env=(*command.env, *_proxies(request.build_args), *opening.env, *request.trust.env),
            is_step=True,
            limits=request.limits,
            ulimits=_without_cores(command.ulimits),
        )
        with shop.root(layers) as root:
            _make_kernel_folders(root.path)
            _run(root.path, full, shop, step)
        return root.layer()


def _run(root: Path, command: Command, shop: Workshop, step: Step) -> None:
    """Run a command to its good end; raises BuildError for any other, in BuildKit's words."""
    failure = f"process {quote(' '.join(command.args))} did not complete successfully"
    try:
        status = run_in_sandbox(root, command, state=shop.folder("run"), output=step.output, halt=shop.halt)
    except MountError as error:
        raise BuildError(f"{failure}: exit code: 1: {error.message}", hint=error.hint) from error
    except InputError as error:
        raise InputError(f"{failure}: {error.message}", hint=error.hint) from error
    if status:
        cause = f" ({signal_name(status)})" if signal_name(status) else ""
        raise BuildError(f"{failure}: exit code: {status}{cause}")


def _without_cores(ulimits: tuple[Ulimit, ...]) -> tuple[Ulimit, ...]:
    """Return limits by which no program that crashes leaves its memory, secrets among it, in a layer.

    Our own limit is whatever the user's shell has, which decides about no image either. `--ulimit core` is stronger.
    """
    return ulimits if any(limit.name == "core" for limit in ulimits) else (*ulimits, Ulimit("core", 0, 0))


def _proxies(build_args: Mapping[str, str]) -> tuple[str, ...]:
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
