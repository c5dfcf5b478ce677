"""Package URLs: "pkg:docker/python@3.13?platform=linux%2Famd64".

Source: PURL-SPECIFICATION.rst of package-url; RefToPURL of util/purl in moby/buildkit for images.
"""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from brewhouse.oci.platform import Platform
from brewhouse.oci.reference import Reference

# What stays as it is besides letters, digits and `_.-~`.
_PLAIN = ":"


def package_url(kind: str, path: str, version: str = "", qualifiers: Mapping[str, str] | None = None) -> str:
    """Return the address of a package; `path` is its namespace, if any, and its name; empty qualifiers are left out."""
    named = "/".join(quote(part, safe=_PLAIN) for part in path.split("/"))
    at = f"@{quote(version, safe=_PLAIN)}" if version else ""
    pairs = sorted((key, value) for key, value in (qualifiers or {}).items() if value)
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in pairs)
    return f"pkg:{kind}/{named}{at}" + (f"?{query}" if query else "")


def image_url(reference: Reference, platform: Platform, kind: str = "docker") -> str:
    """Return the address of an image for a platform."""
    if (platform.architecture, platform.variant) == ("arm64", "v8"):
        platform = msgspec.structs.replace(platform, variant="")  # as containerd writes its only variant
    qualifiers = {"digest": reference.digest or "", "platform": str(platform)}
    return package_url(kind, reference.repository, reference.tag, qualifiers)
