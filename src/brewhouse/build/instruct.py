"""Instruction + image so far -> image with the new config and history: pure.

What an instruction does to files (RUN, COPY, ADD, WORKDIR's folder) is not done here; here is what it does to the
config, what a RUN's process gets, and the history entry.
Source: dispatch functions of dockerfile2llb in moby/buildkit.
"""

import posixpath
from collections.abc import Mapping, Sequence
from typing import assert_never

import msgspec

from brewhouse.build import created_by
from brewhouse.build.run.command import command_args, process_args
from brewhouse.dockerfile.instruction import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from brewhouse.dockerfile.ports import exposed_ports
from brewhouse.dockerfile.signals import stop_signal
from brewhouse.oci.document import ContainerConfig, History, ImageConfig
from brewhouse.oci.document import Healthcheck as ConfigHealthcheck
from brewhouse.oci.platform import Platform
from brewhouse.system.windows.paths import drive_path, windows_path

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ROOTS = ("/", "C:\\")
_WINDOWS_SHELL = ("cmd", "/S", "/C")
COMMENT = "buildkit.dockerfile.v0"
# Arguments that speak to the builder, and to no command.
_NO_VARIABLES = ("BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE")


class Draft(msgspec.Struct, frozen=True):
    """An image while its stage is worked through.

    `environment` is what expansions and RUN see: the config's Env and the build arguments so far; `arguments` are the
    declared build arguments, which RUN's history and cache key name.
    """

    image: ImageConfig
    environment: Mapping[str, str]
    arguments: tuple[tuple[str, str], ...] = ()
    has_cmd: bool = False

    @property
    def config(self) -> ContainerConfig:
        """Return the container config."""
        return self.image.config


class Scope(msgspec.Struct, frozen=True):
    """What a build gives to all its stages: --build-arg values, ARGs before the first FROM, the time to write."""

    build_args: Mapping[str, str]
    global_args: Mapping[str, str]
    created: str


def scratch_draft(platform: Platform) -> Draft:
    """Return the draft of FROM scratch: an empty config with the default PATH, which Windows sets by itself."""
    config = ContainerConfig(env=() if platform.os == "windows" else (f"PATH={DEFAULT_PATH}",), working_dir="/")
    image = ImageConfig(platform.architecture, platform.os, os_version=platform.os_version, config=config)
    image = for_platform(image, platform)
    return Draft(image, environment_of(config.env))


def child_draft(base: ImageConfig) -> Draft:
    """Return the draft of FROM an image: its config without the triggers, which run now.

    It gets a PATH where it has none, and a working directory from the root on.
    """
    config = msgspec.structs.replace(base.config, on_build=())
    if base.os != "windows":
        if "PATH" not in environment_of(config.env):
            config = msgspec.structs.replace(config, env=(*config.env, f"PATH={DEFAULT_PATH}"))
        if config.working_dir:
            folder = workdir_path(ContainerConfig(), config.working_dir)
            config = msgspec.structs.replace(config, working_dir=folder)
    return Draft(msgspec.structs.replace(base, config=config), environment_of(config.env))


def stage_draft(base: Draft) -> Draft:
    """Return the draft of FROM a former stage: its arguments stay in scope, but ENV is stronger from now on."""
    config = msgspec.structs.replace(base.config, on_build=())
    return msgspec.structs.replace(
        base,
        image=msgspec.structs.replace(base.image, config=config),
        environment={**base.environment, **environment_of(config.env)},
        has_cmd=False,
    )


def environment_of(lines: Sequence[str]) -> dict[str, str]:
    """Return "NAME=value" lines as a mapping, in their order."""
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def apply(draft: Draft, instruction: Instruction, scope: Scope) -> Draft:
    """Return the draft after an instruction whose variables were expanded already.

    RUN, COPY and ADD add their history entry only; their layer is the caller's to make.
    """
    match instruction:
        case Run():
            args, _ = process_args(instruction.command, shell_config(draft))
            known = [(name, draft.environment.get(name, value)) for name, value in draft.arguments]
            return _note(draft, scope, created_by.run_text(args, known), layer=True)
        case Copy() | Add():
            return _note(draft, scope, created_by.copy_text(instruction), layer=True)
        case Workdir():
            path = stage_folder(draft, instruction.path)
            changed = _configure(draft, msgspec.structs.replace(draft.config, working_dir=path))
            return _note(changed, scope, f"WORKDIR {path}", layer=path not in ROOTS)
        case Arg():
            return _declare(draft, instruction, scope)
        case Onbuild():
            triggers = (*draft.config.on_build, instruction.trigger)
            return _configure(draft, msgspec.structs.replace(draft.config, on_build=triggers))
        case Maintainer():
            image = msgspec.structs.replace(draft.image, author=instruction.author)
            return _note(msgspec.structs.replace(draft, image=image), scope, f"MAINTAINER {instruction.author}")
        case _:
            return _apply_config(draft, instruction, scope)


def _apply_config(
    draft: Draft,
    instruction: Env | Label | User | Cmd | Entrypoint | Expose | Volume | Stopsignal | Healthcheck | Shell,
    scope: Scope,
) -> Draft:
    """Return the draft after an instruction that changes nothing but the container config."""
    config = draft.config
    replace = msgspec.structs.replace
    match instruction:
        case Env():
            return _set_environment(draft, instruction, scope)
        case Cmd() | Entrypoint():
            return _set_command(draft, instruction, scope)
        case Label():
            labels = config.labels | {pair.key: pair.value for pair in instruction.pairs}
            config, text = replace(config, labels=labels), created_by.pairs_text("LABEL", instruction.pairs)
        case User():
            config, text = replace(config, user=instruction.user), f"USER {instruction.user}"
        case Expose():
            ports = exposed_ports(instruction)
            config = replace(config, exposed_ports=config.exposed_ports | {port: {} for port in ports})
            text = f"EXPOSE {created_by.plain_list(ports)}"
        case Volume():
            config = replace(config, volumes=config.volumes | {path: {} for path in instruction.paths})
            text = f"VOLUME {created_by.plain_list(instruction.paths)}"
        case Stopsignal():
            config, text = replace(config, stop_signal=stop_signal(instruction)), f"STOPSIGNAL {instruction.signal}"
        case Healthcheck():
            config = replace(config, healthcheck=_healthcheck(instruction))
            text = created_by.healthcheck_text(instruction)
        case Shell():
            config, text = replace(config, shell=instruction.args), f"SHELL {created_by.plain_list(instruction.args)}"
        case _:
            assert_never(instruction)
    return _note(_configure(draft, config), scope, text)


def _set_environment(draft: Draft, instruction: Env, scope: Scope) -> Draft:
    added = {pair.key: pair.value for pair in instruction.pairs}
    lines = tuple(f"{name}={value}" for name, value in (environment_of(draft.config.env) | added).items())
    draft = msgspec.structs.replace(draft, environment={**draft.environment, **added})
    draft = _configure(draft, msgspec.structs.replace(draft.config, env=lines))
    return _note(draft, scope, created_by.pairs_text("ENV", instruction.pairs))


def _set_command(draft: Draft, instruction: Cmd | Entrypoint, scope: Scope) -> Draft:
    """Set what a container runs, nothing by an empty list; ENTRYPOINT drops a CMD that comes from the base."""
    config, args = draft.config, command_args(instruction.command, shell_config(draft))
    if isinstance(instruction, Cmd):
        # On Windows it would say that the first word is a whole command line.
        changed = msgspec.structs.replace(config, cmd=args or None, args_escaped=draft.image.os != "windows")
        draft = msgspec.structs.replace(draft, has_cmd=True)
        return _note(_configure(draft, changed), scope, f"CMD {created_by.quoted_list(args)}")
    changed = msgspec.structs.replace(config, entrypoint=args or None, cmd=config.cmd if draft.has_cmd else None)
    return _note(_configure(draft, changed), scope, f"ENTRYPOINT {created_by.quoted_list(args)}")


def stage_folder(draft: Draft, path: str) -> str:
    r"""Return what WORKDIR `path` leads to in a stage: "/usr/src/app" is C:\usr\src\app in images for Windows."""
    if draft.image.os != "windows":
        return workdir_path(draft.config, path)
    return windows_path(drive_path(path, drive_path(draft.config.working_dir or "/")))


def stage_destination(draft: Draft, path: str) -> str:
    """Return COPY's destination in a stage, with slashes also on drive C:, as `absolute_destination` does."""
    if draft.image.os != "windows":
        return absolute_destination(draft.config, path)
    return drive_path(path or ".", drive_path(draft.config.working_dir or "/"))


def shell_config(draft: Draft) -> ContainerConfig:
    """Return the config with the shell that lines are run by: that of Windows is cmd where the config names none."""
    if draft.image.os == "windows" and draft.config.shell is None:
        return msgspec.structs.replace(draft.config, shell=_WINDOWS_SHELL)
    return draft.config


def workdir_path(config: ContainerConfig, path: str) -> str:
    """Return the working directory that WORKDIR `path` leads to: as it is written, or relative to the former.

    Source: NormalizePath of util/system in moby/buildkit, which cleans only what it joins.
    """
    if path.startswith("/"):
        return path
    if not path:
        return config.working_dir or "/"
    return _clean(posixpath.join("/", config.working_dir, path))


def absolute_destination(config: ContainerConfig, path: str) -> str:
    """Return COPY's destination as an absolute path; a `/` at the end, or ".", stays visible as a `/` at the end."""
    joined = posixpath.join("/", config.working_dir, path if path not in ("", ".") else "./")
    clean = _clean(joined)
    is_folder = joined.endswith(("/", "/.")) and clean != "/"
    return clean + "/" if is_folder else clean


def run_environment(draft: Draft) -> tuple[str, ...]:
    """Return the environment of RUN: config, build arguments, and the default PATH where there is none."""
    if draft.image.os == "windows":
        return tuple(f"{name}={value}" for name, value in draft.environment.items())
    environment = {"PATH": DEFAULT_PATH, **draft.environment} if "PATH" not in draft.environment else draft.environment
    return tuple(f"{name}={value}" for name, value in environment.items())


def _declare(draft: Draft, instruction: Arg, scope: Scope) -> Draft:
    """Bring build arguments into scope: --build-arg, else the default, else the global ARG of that name."""
    environment, declared, words = dict(draft.environment), dict(draft.arguments), []
    for argument in instruction.arguments:
        value = scope.build_args.get(argument.name, argument.default)
        if value is None:
            value = scope.global_args.get(argument.name)
        if value is not None and argument.name not in _NO_VARIABLES:
            environment[argument.name] = value
        declared[argument.name] = value or ""
        words.append(argument.name if value is None else f"{argument.name}={value}")
    changed = msgspec.structs.replace(draft, environment=environment, arguments=tuple(declared.items()))
    return _note(changed, scope, " ".join(["ARG", *words]))


def _configure(draft: Draft, config: ContainerConfig) -> Draft:
    return msgspec.structs.replace(draft, image=msgspec.structs.replace(draft.image, config=config))


def _note(draft: Draft, scope: Scope, text: str, *, layer: bool = False) -> Draft:
    """Add a history entry."""
    entry = History(created=scope.created, created_by=text, comment=COMMENT, empty_layer=not layer)
    image = msgspec.structs.replace(draft.image, history=(*draft.image.history, entry))
    return msgspec.structs.replace(draft, image=image)


def _healthcheck(check: Healthcheck) -> ConfigHealthcheck:
    return ConfigHealthcheck(
        test=check.test,
        interval=check.interval_nanoseconds,
        timeout=check.timeout_nanoseconds,
        start_period=check.start_period_nanoseconds,
        start_interval=check.start_interval_nanoseconds,
        retries=check.retries,
    )


def for_platform(image: ImageConfig, platform: Platform) -> ImageConfig:
    """Return an image's config that says it is for `platform`."""
    variant = _config_variant(platform)
    return msgspec.structs.replace(image, os=platform.os, architecture=platform.architecture, variant=variant)


def _config_variant(platform: Platform) -> str:
    """Return the variant as configs write it: arm64's only variant, v8, is left out by BuildKit."""
    return "" if platform.architecture == "arm64" else platform.variant


def _clean(path: str) -> str:
    """Return an absolute path without `.`, `..` and doubled slashes; POSIX lets a leading `//` stand, we do not."""
    return "/" + posixpath.normpath("/" + path).lstrip("/")
