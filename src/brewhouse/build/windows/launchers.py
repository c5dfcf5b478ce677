"""Wheels put into a Python for Windows: the same files as pip makes there, with no Windows to run it."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from brewhouse.errors import HostError, InputError

SCRIPTS, PACKAGES = "Scripts", "Lib/site-packages"
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_RECORD = ".dist-info/RECORD"


def install_wheel(wheel: Path, prefix: str, more_scripts: Mapping[str, str] | None = None) -> dict[str, bytes]:
    r"""Return what a wheel puts into the Python at `prefix` ("C:\Python"): content by path ("Scripts/pip.exe").

    `more_scripts` are launchers that the wheel does not name: {"pip3.13": "pip3"} makes another of that one.
    Raises HostError where `installer` is not installed, InputError for what is no wheel.
    """
    files = _installed(wheel, prefix)
    launchers = {path: same_every_time(content) for path, content in files.items() if path.startswith(f"{SCRIPTS}/")}
    for name, other in (more_scripts or {}).items():
        launchers[f"{SCRIPTS}/{name}.exe"] = launchers[f"{SCRIPTS}/{other}.exe"]
    record = next(path for path in files if path.endswith(_RECORD))
    return {**files, **launchers, record: _with_launchers(files[record], launchers)}


def same_every_time(launcher: bytes) -> bytes:
    """Return a launcher whose zip, behind program and `#!` line, does not tell when it was made."""
    with ZipFile(BytesIO(launcher)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
        start = min(info.header_offset for info in archive.infolist())
    tail = BytesIO()
    with ZipFile(tail, "w", ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(ZipInfo(name, _EARLIEST), content)
    return launcher[:start] + tail.getvalue()


def _installed(wheel: Path, prefix: str) -> dict[str, bytes]:
    """Return the files as the library `installer` makes them."""
    try:
        from installer import install
        from installer.destinations import SchemeDictionaryDestination
        from installer.exceptions import InstallerError
        from installer.sources import WheelFile
    except ImportError as error:
        mend = "pip install 'brewhouse[windows]'"
        raise HostError(f"`{error.name}` is not installed, which makes launchers", hint=mend) from error
    with TemporaryDirectory() as folder:
        packages = f"{folder}/{PACKAGES}"
        scheme = {"purelib": packages, "platlib": packages, "headers": f"{folder}/Include", "data": folder}
        target = SchemeDictionaryDestination(
            {**scheme, "scripts": f"{folder}/{SCRIPTS}"}, interpreter=f"{prefix}\\python.exe", script_kind="win-amd64"
        )
        try:
            with WheelFile.open(wheel) as source:
                install(source, target, {"INSTALLER": b"pip\n"})
        except (InstallerError, ValueError, KeyError) as error:
            raise InputError(f"{wheel.name} cannot be installed: {error}") from error
        return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def _with_launchers(record: bytes, launchers: Mapping[str, bytes]) -> bytes:
    """Return the RECORD with the launchers as they are now. Source: PyPA's "Recording installed projects"."""
    up = "../../"
    kept = [line for line in record.decode().splitlines() if not line.startswith(f"{up}{SCRIPTS}/")]
    lines = [f"{up}{path},sha256={_hash(content)},{len(content)}" for path, content in launchers.items()]
    return "".join(f"{line}\n" for line in sorted([*kept, *lines])).encode()


def _hash(content: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
