"""RUN in an image for Windows: by Wine, and not where Wine would only seem to have done it."""

from brewhouse.build.instruct import Draft, run_environment, shell_config
from brewhouse.build.run.command import process_args
from brewhouse.build.site import Site
from brewhouse.build.task import Reading, Task
from brewhouse.dockerfile.instruction import Run
from brewhouse.errors import BuildError, InputError
from brewhouse.model import Layer
from brewhouse.model import Run as Command
from brewhouse.system.progress.log import Step
from brewhouse.system.windows.command import check_user, wine_command
from brewhouse.system.windows.container import windows_run
from brewhouse.system.windows.wine import Wine, run_in_wine

_MEND = "build it on Windows, or leave this out"


def windows_task(site: Site, draft: Draft, instruction: Run) -> Task:
    """Return the step that a command is.

    Raises InputError, before anything is run, for what Wine cannot do truthfully.
    """
    args, script = process_args(instruction.command, shell_config(draft))
    if instruction.mounts or script:
        what = "RUN --mount" if instruction.mounts else "a here-document with `#!`"
        raise InputError(f"{what} is not known in images for Windows", hint="copy what is needed")
    check_user(draft.config.user)
    network = "none" if "none" in (instruction.network, site.shop.request.network) else "host"
    site.shop.request.gate.ran((), network=network != "none")
    if site.shop.request.cross_pip:
        return _without_wine(site, draft, args, network)
    # Compiled files then name the hash of their source, not its time, which is clamped later.
    epoch = f"SOURCE_DATE_EPOCH={site.shop.clamp.epoch}"
    folder = draft.config.working_dir or "C:\\"
    others = Command((), network="none" if network == "none" else "host", hosts=site.shop.request.hosts)
    shell = shell_config(draft).shell or ()
    command = windows_run((args, shell), (epoch, *run_environment(draft)), folder, others)

    def make(layers: tuple[Layer, ...], step: Step) -> Layer:
        return _execute(site, _wine(site), layers, (command, args), step)

    return Task("run-windows", [args, list(command.env), folder, network], lambda _: Reading(make))


def _without_wine(site: Site, draft: Draft, args: tuple[str, ...], network: str) -> Task:
    from brewhouse.build.windows.crosspip import cross_task

    if network == "none":
        raise InputError(f"`{' '.join(args)}` has no network, which --cross-pip needs", hint="leave out --network=none")
    start = wine_command(args, shell_config(draft).shell or ())
    return cross_task(site, draft, start.args or args)


def _execute(
    site: Site, wine: Wine, layers: tuple[Layer, ...], what: tuple[Command, tuple[str, ...]], step: Step
) -> Layer:
    command, args = what
    with site.shop.root(layers) as root:
        ended = run_in_wine(wine, root.path, command, state=site.shop.layout.tmp, output=step.output)
        if ended.status:
            raise BuildError(f'process "{" ".join(args)}" did not complete successfully: exit code: {ended.status}')
        if ended.changed_keys:
            keys = ", ".join(ended.changed_keys[:3])
            raise BuildError(f"the step changed the registry, which no layer made here can hold: {keys}", hint=_MEND)
    return root.layer()


def _wine(site: Site) -> Wine:
    wine = site.shop.wine
    if wine is None:
        raise InputError(
            "RUN in an image for Windows needs Wine",
            hint="leave out --wine off, or add --cross-pip for `RUN pip install`",
        )
    return wine
