r"""Paths of Windows: what may be in a name, which names are one, and where C:\ lies in layers and on disk: pure."""

import re

from brewhouse.errors import InputError

LONGEST_NAME = 255

_DRIVE = r"([A-Za-z]):"
_FORBIDDEN = r'[\x00-\x1f<>:"|?*\\]'
# Source: learn.microsoft.com, "Naming Files, Paths, and Namespaces".
_DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in "123456789")}
)


def fold(name: str) -> str:
    """Return what two spellings of one name have in common: "Lib" and "LIB" are one file.

    Windows maps single characters, so that "ß" and "SS" are two names.
    """
    return "".join(letter.upper() if len(letter.upper()) == 1 else letter for letter in name)


def name_fault(name: str) -> str:
    """Return what is wrong with one part of a path, or an empty string."""
    if name in ("", ".", ".."):
        return f"`{name}` is no name"
    found = re.search(_FORBIDDEN, name)
    if found:
        return f"has {found[0]!r} in a name"
    if name[-1] in ". ":
        return "has a name that ends in a dot or a blank, which Windows drops"
    if fold(name.partition(".")[0].rstrip()) in _DEVICES:
        return f"`{name}` is the name of a device"
    if len(name.encode("utf-16-le", "surrogatepass")) > 2 * LONGEST_NAME:
        return f"has a name of more than {LONGEST_NAME} characters"
    return ""


def drive_path(path: str, cwd: str = "/") -> str:
    r"""Return an absolute path below drive C: with slashes: "C:\usr\src" and "/usr/src" are "/usr/src".

    A relative path is below `cwd`, which has this form itself; a slash at the end stays. Raises InputError for another
    drive, which a container does not have. Source: NormalizePath of util/system in moby/buildkit.
    """
    text = path.replace("\\", "/")
    drive = re.match(_DRIVE, text)
    if drive:
        if drive[1] not in "Cc":
            raise InputError(f"`{path}` is on drive {drive[1].upper()}:", hint="containers have drive C: only")
        text = text[2:]
        if text and not text.startswith("/"):
            raise InputError(f"`{path}` has no `\\` behind its drive", hint=rf"write C:\{text}")
        text = text or "/"
    joined = text if text.startswith("/") else f"{cwd.rstrip('/')}/{text}"
    parts: list[str] = []
    for part in joined.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    clean = "/" + "/".join(parts)
    return clean + "/" if joined.endswith(("/", "/.")) and parts else clean


def drive_source(path: str) -> str:
    r"""Return a path that COPY reads, or a pattern of such, with slashes and without the drive: "/work/x" of C:\work\x.

    Raises InputError for another drive. Source: dispatchCopy of dockerfile2llb in moby/buildkit.
    """
    drive = re.match(_DRIVE, path)
    if drive and drive[1] not in "Cc":
        raise InputError(f"`{path}` is on drive {drive[1].upper()}:", hint="containers have drive C: only")
    return (path[2:] if drive else path).replace("\\", "/")


def windows_path(path: str) -> str:
    r"""Return a path below drive C: as Windows writes it: "/usr/src/app" is "C:\usr\src\app", "/" is "C:\"."""
    return "C:\\" + path.strip("/").replace("/", "\\")
