"""The packages in a root file system: of dpkg, apk and Python, as their own databases tell."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from brewhouse.oci.purl import package_url
from brewhouse.system.confine import confine

_DPKG = ("var/lib/dpkg/status",)
_DPKG_PARTS = "var/lib/dpkg/status.d"  # a file for each package, as distroless images have it
_APK = "lib/apk/db/installed"
_LARGEST_DATABASE_BYTES = 64 << 20
_PATCHLEVEL = "patchlevel.h"
_PY_VERSION = re.compile(r'^#define\s+PY_VERSION\s+"([^"]+)"', re.MULTILINE)
_OF_THE_KERNEL = frozenset({"proc", "sys", "dev"})
_FIELD = re.compile(r"^([!-9;-~]+):[ \t]*(.*)$", re.MULTILINE)
_RELEASE = re.compile(r"""^(\w+)=["']?(.*?)["']?$""", re.MULTILINE)
_LICENCE_NAME = re.compile(r"^License:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_LICENCES = re.compile(r"\(*[A-Za-z0-9.+-]+\)*(?: (?:AND|OR|WITH) \(*[A-Za-z0-9.+-]+\)*)*")


class Package(msgspec.Struct, frozen=True, order=True):
    """A package that is installed: `url` is its package URL, `database` the file that tells of it.

    `licence` is an SPDX expression, or "" where none is told; `licence_names` are those of Debian's copyright file.
    """

    kind: str
    name: str
    version: str
    url: str
    database: str
    architecture: str = ""
    licence: str = ""
    licence_names: tuple[str, ...] = ()
    maintainer: str = ""
    homepage: str = ""


def find_packages(root: Path) -> list[Package]:
    """Return the packages of a root file system, sorted; what is no database of packages is passed over."""
    release = dict(_RELEASE.findall(_read(root, "etc/os-release") or _read(root, "usr/lib/os-release")))
    return sorted({*_of_dpkg(root, release), *_of_apk(root, release), *_of_python(root)})


def _of_dpkg(root: Path, release: Mapping[str, str]) -> Iterator[Package]:
    parts = confine(root, _DPKG_PARTS)
    names = [name for name in sorted(os.listdir(parts)) if "." not in name] if parts.is_dir() else []  # noqa: PTH208 - names only
    for database in (*_DPKG, *(f"{_DPKG_PARTS}/{name}" for name in names)):
        for paragraph in _read(root, database).split("\n\n"):
            fields = dict(_FIELD.findall(paragraph))
            is_installed = fields.get("Status", "install ok installed").endswith(" installed")
            if is_installed and {"Package", "Version"} <= fields.keys():
                licences = _licence_names(_read(root, f"usr/share/doc/{fields['Package']}/copyright"))
                yield msgspec.structs.replace(_deb(fields, release, database), licence_names=licences)


def _deb(fields: Mapping[str, str], release: Mapping[str, str], database: str) -> Package:
    system = release.get("ID", "debian")
    version = release.get("VERSION_ID") or release.get("VERSION_CODENAME", "")
    qualifiers = {
        "arch": fields.get("Architecture", ""),
        "distro": f"{system}-{version}" if version else "",
        "upstream": fields.get("Source", "").replace(" (", "@").removesuffix(")"),
    }
    return Package(
        "deb",
        fields["Package"],
        fields["Version"],
        package_url("deb", f"{system}/{fields['Package']}", fields["Version"], qualifiers),
        database,
        architecture=fields.get("Architecture", ""),
        maintainer=fields.get("Maintainer", ""),
        homepage=fields.get("Homepage", ""),
    )


def _licence_names(copyright_file: str) -> tuple[str, ...]:
    """Return the short names of licences in a copyright file, as Debian spells them, if it is one for programs.

    Source: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/.
    """
    if not copyright_file.startswith("Format:"):
        return ()
    return tuple(sorted(set(_LICENCE_NAME.findall(copyright_file))))


def _of_apk(root: Path, release: Mapping[str, str]) -> Iterator[Package]:
    """Yield the packages of apk. Source: apk-tools' "APK spec", fields of the installed database."""
    system, version = release.get("ID", "alpine"), release.get("VERSION_ID", "")
    for paragraph in _read(root, _APK).split("\n\n"):
        fields = dict(_FIELD.findall(paragraph))
        if {"P", "V"} <= fields.keys():
            qualifiers = {"arch": fields.get("A", ""), "distro": f"{system}-{version}" if version else ""}
            yield Package(
                "apk",
                fields["P"],
                fields["V"],
                package_url("apk", f"{system}/{fields['P']}", fields["V"], qualifiers),
                _APK,
                architecture=fields.get("A", ""),
                licence=_expression(fields.get("L", "")),
                maintainer=fields.get("m", ""),
                homepage=fields.get("U", ""),
            )


def _of_python(root: Path) -> Iterator[Package]:
    """Yield what pip and its like installed, and Pythons that no package brought, by their headers.

    Source: core metadata of packaging.python.org; Include/patchlevel.h of CPython.
    """
    for database in _files_of_python(root):
        if database.endswith(_PATCHLEVEL):
            for version in _PY_VERSION.findall(_read(root, database)):
                yield Package("generic", "python", version, package_url("generic", "python", version), database)
            continue
        fields = dict(_FIELD.findall(_read(root, database).partition("\n\n")[0]))
        if {"Name", "Version"} <= fields.keys():
            name = re.sub(r"[-_.]+", "-", fields["Name"]).lower()
            yield Package(
                "pypi",
                fields["Name"],
                fields["Version"],
                package_url("pypi", name, fields["Version"]),
                database,
                licence=_expression(fields.get("License-Expression", "")),
                maintainer=fields.get("Author-email", ""),
                homepage=fields.get("Home-page", ""),
            )


def _files_of_python(root: Path) -> Iterator[str]:
    for folder, names, files in os.walk(root):
        place = os.path.relpath(folder, root)
        if place == ".":
            names[:] = [name for name in names if name not in _OF_THE_KERNEL]
        names.sort()
        if _PATCHLEVEL in files and _is_compiled_python(root, place):
            yield f"{place}/{_PATCHLEVEL}"
        yield from (f"{place}/{name}/METADATA" for name in names if name.endswith(".dist-info"))


def _is_compiled_python(root: Path, place: str) -> bool:
    """Tell whether headers are of a Python that no package brought: below /usr/local, or beside Windows' python.exe."""
    folder, _, name = place.rpartition("/")
    in_local = place.startswith("usr/local/") and name.startswith("python")
    return in_local or (name.lower() == "include" and (root / folder / "python.exe").is_file())


def _read(root: Path, path: str) -> str:
    """Return the text of a file, its links followed inside the root; "" where there is none."""
    try:
        with confine(root, path).open("rb") as file:
            return file.read(_LARGEST_DATABASE_BYTES).decode("utf-8", "replace").replace("\r\n", "\n")
    except OSError:
        return ""


def _expression(text: str) -> str:
    """Return an SPDX expression, or "" for a text that is none or names licences by texts of its own."""
    return text if _LICENCES.fullmatch(text) and "LicenseRef-" not in text else ""
