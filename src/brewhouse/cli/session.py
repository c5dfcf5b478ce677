"""What commands that work in the store share: the store, opened in our own namespaces, and the view of progress."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import msgspec

from brewhouse.cli.main import Settings
from brewhouse.system.namespace import enter_namespace
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
    with open_layout(settings.store) as layout, _opened(progress or settings.progress) as view:
        _drop_old_logs(layout)
        logs = layout.logs / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}"
        yield Session(layout, Progress(view, logs))


@contextmanager
def _opened(view: str) -> Iterator[View]:
    """Give the view of this name during the block."""
    if view in ("quiet", "none"):
        yield Quiet()
    elif view == "rawjson":
        from brewhouse.system.progress.rawjson import RawJson

        yield RawJson()
    elif view in ("live", "tty") or (view == "auto" and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"):
        from brewhouse.system.progress.live import Live

        lines = os.environ.get("BUILDKIT_TTY_LOG_LINES", "")
        with closing(
            Live(lines=int(lines) if lines.isdecimal() else 4, coloured=not os.environ.get("NO_COLOR"))
        ) as live:
            yield live
    else:
        yield Plain()


def _drop_old_logs(layout: Layout) -> None:
    """Keep the logs of the last runs only."""
    for folder in sorted(layout.logs.iterdir())[:-_KEPT_LOGS]:
        remove_tree(folder)
