"""What commands that work in the store share: the store, opened in our own namespaces, and the view of progress."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from brewhouse.cli.main import Settings
from brewhouse.system.namespace import enter_namespace
from brewhouse.system.progress.live import Live
from brewhouse.system.progress.log import Plain, Progress, Quiet, View
from brewhouse.system.store.disk import remove_tree
from brewhouse.system.store.layout import Layout, open_layout

_KEPT_LOGS = 20


class Session(msgspec.Struct, frozen=True):
    """An opened store and the progress of the work in it."""

    layout: Layout
    progress: Progress


@contextmanager
def open_session(settings: Settings, progress: str = "", *, mounts: bool = True) -> Iterator[Session]:
    """Open the store, by default for work that mounts; `progress` (auto, live, plain, ...) overrules the settings."""
    if mounts:
        enter_namespace()
    with open_layout(settings.store) as layout:
        view = _view(progress or settings.progress)
        _drop_old_logs(layout)
        logs = layout.logs / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}"
        try:
            yield Session(layout, Progress(view, logs))
        finally:
            if isinstance(view, Live):
                view.close()


def _view(name: str) -> View:
    if name in ("quiet", "none"):
        return Quiet()
    if name == "rawjson":
        from brewhouse.system.progress.rawjson import RawJson  # noqa: PLC0415 - for programs that ask for it

        return RawJson()
    is_live = name in ("live", "tty") or (name == "auto" and sys.stderr.isatty() and os.environ.get("TERM") != "dumb")
    lines = os.environ.get("BUILDKIT_TTY_LOG_LINES", "")
    return (
        Live(lines=int(lines) if lines.isdecimal() else 4, coloured=not os.environ.get("NO_COLOR"))
        if is_live
        else Plain()
    )


def _drop_old_logs(layout: Layout) -> None:
    """Keep the logs of the last runs only."""
    for folder in sorted(layout.logs.iterdir())[:-_KEPT_LOGS]:
        remove_tree(folder)
