"""The slim variant: the same packages without documentation, translations and manual pages.

Source: the dpkg filters that Docker's debian slim images carry in /etc/dpkg/dpkg.cfg.d/docker.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from brewhouse.system.confine import confine

EXCLUDED = (
    "/usr/share/doc/*",
    "/usr/share/doc/kde/HTML/*/*",
    "/usr/share/gnome/help/*/*",
    "/usr/share/info/*",
    "/usr/share/linda/*",
    "/usr/share/lintian/overrides/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    "/usr/share/omf/*/*-*.emf",
)
INCLUDED = (
    "/usr/share/doc/*/copyright",
    "/usr/share/doc/kde/HTML/C/*",
    "/usr/share/gnome/help/*/C/*",
    "/usr/share/locale/all_languages",
    "/usr/share/locale/currency/*",
    "/usr/share/locale/l10n/*",
    "/usr/share/locale/languages",
    "/usr/share/locale/locale.alias",
    "/usr/share/omf/*/*-C.emf",
)

# update-alternatives of many packages fails where these are missing, so they stay, empty.
_KEPT_FOLDERS = re.compile(r"/usr/share/man/man[0-9]")


def dpkg_filters() -> str:
    """Return the dpkg configuration that keeps what is left out here from coming back with later packages."""
    return "".join(
        [
            "# A slim image: dpkg leaves out documentation, translations and manual pages,\n",
            "# now and of every package that is installed later.\n\n",
            *(f"path-exclude {pattern}\n" for pattern in EXCLUDED),
            "\n",
            *(f"path-include {pattern}\n" for pattern in INCLUDED),
        ]
    )


def is_left_out(path: str) -> bool:
    """Tell whether the slim variant goes without the file "/usr/share/doc/bash/README"; `*` stands for slashes too.

    Source: dpkg(1), "--path-exclude".
    """
    return _matches(path, EXCLUDED) and not _matches(path, INCLUDED)


def remove_hollow(root: Path) -> None:
    """Remove the links that lead nowhere and the empty folders, where the slim variant has left files out."""
    for pattern in EXCLUDED:
        folder = root / pattern.rpartition("/")[0].lstrip("/")
        if folder.is_dir() and not folder.is_symlink():
            while _remove_hollow(folder, root):
                pass


def _remove_hollow(folder: Path, root: Path) -> bool:
    """Remove dangling links and empty folders, the deepest first; tell whether there were any."""
    removed = False
    for path in _below(folder):
        inside = f"/{path.relative_to(root)}"
        if path.is_symlink():
            if not confine(root, inside).exists():
                path.unlink()
                removed = True
        elif path.is_dir() and not any(path.iterdir()) and not _KEPT_FOLDERS.fullmatch(inside):
            path.rmdir()
            removed = True
    return removed


def _below(folder: Path) -> Iterator[Path]:
    """Yield all that is in `folder`, the content of each folder before itself."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)
        yield path


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)
