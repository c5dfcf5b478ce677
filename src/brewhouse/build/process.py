"""RUN: a command in the sandbox, and the layer that it leaves."""

from contextlib import ExitStack
from typing import Literal

import msgspec

from brewhouse.build.cache import cache_key, chain_key
from brewhouse.build.instruct import Draft, command_args, run_environment
from brewhouse.build.mounts import identify_mounts, open_mounts
from brewhouse.build.site import Site
from brewhouse.dockerfile.heredoc import chop_tabs
from brewhouse.dockerfile.instruction import CommandLine, Run
from brewhouse.errors import BuildError
from brewhouse.model import Layer, Mount
from brewhouse.model import Run as Command
from brewhouse.oci.document import ContainerConfig
from brewhouse.system.log import Step
from brewhouse.system.run import signal_name
from brewhouse.system.sandbox import run_in_sandbox

HOSTNAME = "buildkitsandbox"
_INLINE_FOLDER = "/dev/pipes"
_PROXIES = frozenset({"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"})


class Script(msgspec.Struct, frozen=True):
    """A here-document that starts with `#!`: run as a file by the interpreter that it names."""

    name: str
    content: str


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
        hostname=HOSTNAME,
    )
    inputs = identify_mounts(site, instruction.mounts)
    key = cache_key("run", chain_key(layers), msgspec.to_builtins(command), msgspec.to_builtins(script), inputs)
    return site.shop.remember([key], step, lambda: _execute(site, layers, instruction, (command, script), step))


def process_args(command: CommandLine, config: ContainerConfig) -> tuple[tuple[str, ...], Script | None]:
    """Return the words to run, and the script file that a here-document with `#!` becomes.

    Alone on its line, a here-document is the shell's script; beside other words it is written out again, for the shell
    to read. Source: dispatchRun of dockerfile2llb in moby/buildkit.
    """
    if not command.heredocs:
        return command_args(command, config), None
    first = command.heredocs[0]
    if command.args[0].strip().startswith("<<") and len(command.args[0].split()) == 1:
        text = chop_tabs(first.content) if first.chomp else first.content
        if text.startswith("#!"):
            return (f"{_INLINE_FOLDER}/{first.name}",), Script(first.name, text)
        return command_args(msgspec.structs.replace(command, args=(text,)), config), None
    parts = [command.args[0], *(f"{document.content}{document.name}" for document in command.heredocs)]
    return command_args(msgspec.structs.replace(command, args=("\n".join(parts),)), config), None


def _execute(
    site: Site, layers: tuple[Layer, ...], instruction: Run, what: tuple[Command, Script | None], step: Step
) -> Layer:
    command, script = what
    shop = site.shop
    with ExitStack() as opened:
        opening = open_mounts(site, instruction.mounts, command.cwd, opened)
        request = shop.request
        proxies = tuple(f"{name}={value}" for name, value in request.build_args.items() if name.lower() in _PROXIES)
        full = msgspec.structs.replace(
            command,
            mounts=(*opening.mounts, *_script_mount(site, script), *request.trust.mounts),
            env=(*proxies, *command.env, *opening.env, *request.trust.env),
        )
        with shop.root(layers) as root:
            status = run_in_sandbox(root.path, full, state=shop.folder("run"), output=step.output)
            if status:
                raise _failed(command.args, status)
        return root.layer()


def _script_mount(site: Site, script: Script | None) -> tuple[Mount, ...]:
    if script is None:
        return ()
    file = site.shop.folder("script") / script.name
    file.write_text(script.content, encoding="utf-8")
    file.chmod(0o755)
    return (Mount(f"{_INLINE_FOLDER}/{script.name}", str(file), read_only=True),)


def _network(site: Site, instruction: Run) -> Literal["host", "none"]:
    wanted = instruction.network if instruction.network != "default" else site.shop.request.network
    return "none" if wanted == "none" else "host"


def _failed(args: tuple[str, ...], status: int) -> BuildError:
    """Return the error for a command that failed, in BuildKit's words."""
    cause = f" ({signal_name(status)})" if signal_name(status) else ""
    return BuildError(f'process "{" ".join(args)}" did not complete successfully: exit code: {status}{cause}')
