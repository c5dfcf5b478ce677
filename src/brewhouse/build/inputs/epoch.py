"""SOURCE_DATE_EPOCH: a number, or the name of what tells the time."""

from collections.abc import Mapping

from brewhouse.build.request import BuildRequest
from brewhouse.dockerfile.instruction import Dockerfile
from brewhouse.system.progress.log import Progress
from brewhouse.system.store.layout import Layout

NAME = "SOURCE_DATE_EPOCH"


def find_epoch(
    dockerfile: Dockerfile, request: BuildRequest, known: Mapping[str, str], layout: Layout, progress: Progress
) -> int | None:
    """Return the seconds since 1970 that --build-arg or a global ARG asks for, or None.

    Raises InputError for what is neither a number nor the name of something that tells the time.
    """
    text = request.build_args.get(NAME, known.get(NAME, ""))
    if text.removeprefix("-").isdecimal():
        return int(text)
    if not text:
        return None
    from brewhouse.build.inputs.named_epoch import named_epoch

    return named_epoch(text, dockerfile, request, {**known, NAME: ""}, layout, progress)


def with_epoch(arguments: Mapping[str, str], epoch: int | None) -> dict[str, str]:
    """Return arguments in which a name of what tells the time has become the time, or nothing where it tells none."""
    return {**arguments, **({NAME: "" if epoch is None else str(epoch)} if NAME in arguments else {})}
