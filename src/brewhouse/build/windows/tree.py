r"""CPython's archive for Windows -> the files of C:\Python, as the installer would put them there.

With `Include_doc=0 Include_test=0 Include_pip=1`: no documentation, no tests, and pip as `ensurepip` installs it.
Source: Tools/msi of python/cpython, and PC/layout/main.py, which makes the archive.
"""

import re
from calendar import timegm
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile, ZipInfo

import msgspec

from brewhouse.build.windows.launchers import PACKAGES, install_wheel
from brewhouse.errors import InputError
from brewhouse.system.windows.paths import fold, name_fault

PREFIX = r"C:\Python"

_MOST_BYTES = 1 << 30
_BUNDLED_PIP = re.compile(r"Lib/ensurepip/_bundled/pip-[^/]+\.whl")
# Not of the installer's: the install manager's own record, documentation, tests and what they need, compiled files, and
# packages, of which pip is put in anew.
_LEFT_OUT = re.compile(
    rf"__install__\.json|Doc/.*|Scripts/.*|{PACKAGES}/(?!README\.txt).*|(.*/)?__pycache__/.*"
    r"|Lib/(.*/)?(test|tests|idle_test)/.*|DLLs/(_ctypes_test|_test[^/]*|xxlimited[^/]*)\.pyd"
)


class Tree(msgspec.Struct, frozen=True):
    """Files by path ("Lib/abc.py"), and when the newest was made, in seconds since 1970."""

    files: Mapping[str, bytes]
    epoch: int


def read_archive(archive: Path) -> Tree:
    """Return what the archive holds that the installer would install, without pip.

    Raises InputError for what is no such archive, or has names that Windows does not.
    """
    try:
        with ZipFile(archive) as opened:
            members = list(_wanted(opened, archive.name))
            files = {member.filename: opened.read(member) for member in members}
    except (BadZipFile, NotImplementedError) as error:
        raise InputError(f"{archive.name} is no zip archive: {error}") from error
    if "python.exe" not in files:
        raise InputError(f"{archive.name} has no python.exe", hint="take the archive that the index calls pythoncore")
    return Tree(files, max(timegm((*member.date_time, 0, 0, 0)) for member in members))


def with_pip(tree: Tree, series: str) -> Tree:
    """Return the tree with pip installed from the wheel that comes with it; `series` is "3.13".

    Raises InputError where there is none.
    """
    found = [path for path in tree.files if _BUNDLED_PIP.fullmatch(path)]
    if len(found) != 1:
        raise InputError(f"this CPython brings {len(found)} wheels of pip along, not 1")
    with TemporaryDirectory() as folder:
        wheel = Path(folder) / found[0].rpartition("/")[2]
        wheel.write_bytes(tree.files[found[0]])
        return Tree({**tree.files, **install_wheel(wheel, PREFIX, {f"pip{series}": "pip3"})}, tree.epoch)


def _wanted(archive: ZipFile, name: str) -> Iterator[ZipInfo]:
    """Yield the files to be installed; the sum of their sizes and each part of their names is checked."""
    total, seen = 0, set[str]()
    for member in archive.infolist():
        fault = next(filter(None, map(name_fault, member.filename.rstrip("/").split("/"))), "")
        if fault or fold(member.filename) in seen:
            raise InputError(f"{name}: `{member.filename}` {fault or 'is there twice'}")
        seen.add(fold(member.filename))
        total += member.file_size
        if total > _MOST_BYTES:
            raise InputError(f"{name} holds more than {_MOST_BYTES >> 20} MiB")
        if not member.is_dir() and not _LEFT_OUT.fullmatch(member.filename):
            yield member


_NEEDS_WINDOWS = re.compile(
    r"tcl/.*|Lib/(tkinter|idlelib|turtledemo)/.*|Lib/turtle\.py|pythonw\.exe|DLLs/(_tkinter|winsound)\.pyd"
    r"|DLLs/(tcl|tk|zlib1)[^/]*\.dll|libs/_tkinter\.lib"
)


def without_windows_parts(tree: Tree) -> Tree:
    """Return the tree for Nano Server, which has no libraries for what shows windows or plays sounds."""
    return Tree(
        {path: content for path, content in tree.files.items() if not _NEEDS_WINDOWS.fullmatch(path)}, tree.epoch
    )
