"""Containers of Windows images: config and options of `docker run` as Wine takes them, on a drive of their own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import msgspec

from brewhouse.errors import InputError
from brewhouse.model import Image, Run
from brewhouse.oci.document import ContainerConfig
from brewhouse.system.container.container import Options, container_args, merge_environment
from brewhouse.system.container.volume import open_volume
from brewhouse.system.overlay import overlay
from brewhouse.system.store.disk import remove_tree
from brewhouse.system.store.layout import Layout
from brewhouse.system.store.snapshot import image_layers
from brewhouse.system.windows.command import check_user, wine_command
from brewhouse.system.windows.drive import Drives, count_windows_layers
from brewhouse.system.windows.paths import drive_path
from brewhouse.system.windows.wine import Wine, run_in_wine, script_words

_SHELL = ("cmd", "/S", "/C")


def run_windows_container(
    image: Image, options: Options, layout: Layout, environment: Mapping[str, str], wine: Wine
) -> int:
    """Return the exit status of a container of `image`, run by Wine on our own streams; what it wrote is thrown away.

    Raises InputError for what Wine cannot do truthfully, and for options that have no meaning on Windows.
    """
    config = image.config.value.config
    _check(options)
    check_user(options.user or config.user)
    command = windows_command(config, options, environment)
    with ExitStack() as opened:
        drive = opened.enter_context(open_drive(image, layout, wine))
        volumes = [msgspec.structs.replace(volume, target=drive_path(volume.target)) for volume in options.volumes]
        mounts = sorted((open_volume(volume, drive, layout) for volume in volumes), key=lambda mount: mount.target)
        full = msgspec.structs.replace(command, mounts=(*command.mounts, *mounts))
        return run_in_wine(wine, drive, full, state=layout.tmp, stdin=None if options.interactive else b"").status


@contextmanager
def open_drive(image: Image, layout: Layout, wine: Wine) -> Iterator[Path]:
    """Show drive C: of an image, to be written to at will, during the block."""
    layers = image_layers(image)
    of_windows = [layer.diff_id for layer in layers[: count_windows_layers(image.config.value)]]
    upper, work, drive = (Path(mkdtemp(prefix=f"{name}-", dir=layout.tmp)) for name in ("upper", "work", "drive"))
    try:
        with overlay(Drives(layout, wine.drive, of_windows).stack(layers), upper, work, drive):
            yield drive
    finally:
        for folder in (upper, work):
            remove_tree(folder)


def windows_command(config: ContainerConfig, options: Options, environment: Mapping[str, str]) -> Run:
    """Return what runs, without volumes."""
    words = container_args(config, options.entrypoint, options.command)
    if config.args_escaped and len(words) == 1:
        words = (*_SHELL, words[0])  # one line for the shell, as old builders wrote it
    return windows_run(
        (words, config.shell or _SHELL),
        merge_environment(config.env, options.env, environment),
        options.workdir or config.working_dir or "C:\\",
        Run((), network=options.network, terminal=options.tty, hosts=options.add_host),
    )


def windows_run(what: tuple[Sequence[str], Sequence[str]], env: tuple[str, ...], folder: str, others: Run) -> Run:
    """Return the run of words, `what` with the image's shell, as Windows would start them; `others` says all else."""
    start = wine_command(*what)
    args, mounts = start.args, others.mounts
    if start.script:
        args, script = script_words(start.script)
        mounts = (*mounts, script)
    return msgspec.structs.replace(others, args=args, env=env, cwd=drive_path(folder), mounts=mounts)


def _check(options: Options) -> None:
    for given, name in ((options.read_only, "--read-only"), (options.tmpfs, "--tmpfs"), (options.init, "--init")):
        if given:
            raise InputError(f"{name} has no meaning in a container of Windows", hint="leave it out")
