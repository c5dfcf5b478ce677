"""The program as an ordinary user runs it, who exists for the time of a test and in one mount namespace only.

Root makes a user with sub-ids by mounting files of its own over /etc/passwd, /etc/subuid and the like, where nobody
else sees it, and shows it the interpreter and its packages at a place that it may read.
"""

import os
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support.program import Program

USER_ID = 64900
_NAME = "brewer"
_FIRST_SUB_ID = 10_000_000

_BECOME = """
set -eu
for name in passwd group subuid subgid; do
    mount --bind "$1/$name" "/etc/$name"
done
shift
while [ "$1" != -- ]; do
    mount --bind "$1" "$2"
    shift 2
done
shift
exec setpriv --reuid=64900 --regid=64900 --clear-groups -- "$@"
"""


class OrdinaryProgram(Program):
    """`brewhouse` as a user other than root runs it, with a store and a home of that user."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which must be below folders that all may enter; skips the test where we are not root."""
        if os.geteuid() != 0:
            pytest.skip("only root can become another user; these tests run as an ordinary user anyway")
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        super().__init__(self.home / "store")
        self.give(folder)
        self._words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _BECOME, "sh"]
        self._words += [str(_accounts(folder / "etc")), *_shown(folder / "shown"), "--"]
        interpreter = folder / "shown" / "python" / Path(sys.executable).resolve().relative_to(sys.base_prefix)
        path = ":".join(str(shown) for shown in sorted((folder / "shown").glob("path-*")))
        self._words += ["env", f"PYTHONPATH={path}", f"HOME={self.home}", "PYTHONDONTWRITEBYTECODE=1", str(interpreter)]

    def words(self, *args: str | Path) -> list[str]:
        return [*self._words, "-m", "brewhouse", "--store", str(self.store), *map(str, args)]

    def give(self, folder: Path) -> None:
        """Let the user own a folder with all in it."""
        for path in (folder, *folder.rglob("*")):
            os.chown(path, USER_ID, USER_ID, follow_symlinks=False)


def _accounts(folder: Path) -> Path:
    """Write the files that tell of the user."""
    folder.mkdir()
    entry = f"{_NAME}:x:{USER_ID}:"
    (folder / "passwd").write_text(Path("/etc/passwd").read_text() + f"{entry}{USER_ID}::/nonexistent:/bin/sh\n")
    (folder / "group").write_text(Path("/etc/group").read_text() + f"{entry}\n")
    for name in ("subuid", "subgid"):
        (folder / name).write_text(f"{_NAME}:{_FIRST_SUB_ID}:65536\n")
    return folder


def _shown(folder: Path) -> list[str]:
    """Return pairs of what is mounted where: the interpreter's own files, and all that it imports from elsewhere."""
    folder.mkdir()
    standard = Path(sysconfig.get_path("stdlib"))
    imported = [Path(name) for name in dict.fromkeys(sys.path) if name and Path(name).is_dir()]
    others = [path for path in imported if not path.is_relative_to(standard) or path.name == "site-packages"]
    pairs = [(Path(sys.base_prefix), folder / "python")]
    pairs += [(path, folder / f"path-{number:02}") for number, path in enumerate(others)]
    for _, place in pairs:
        place.mkdir()
    return [str(path) for pair in pairs for path in pair]
