"""Addresses: as they may be shown, and those of proxies."""

import re
from collections.abc import Collection
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from brewhouse.errors import InputError


def without_password(place: str | Path) -> str:
    """Return an address, or a path, as it may be shown: without the user and password that a URL may hold."""
    return re.sub(r"(?<=://)[^/\s]*@", "", str(place))


def proxy_address(url: str, schemes: Collection[str] = ("http",)) -> SplitResult:
    """Return the address of a proxy, as variables such as https_proxy name it: "http://host:8080", "host:8080".

    Raises InputError where that is none, or of a scheme that cannot be used.
    """
    hint = "write http://HOST:PORT in http_proxy, https_proxy or all_proxy"
    try:
        address = urlsplit(url if "://" in url else f"http://{url}")
        is_whole = bool(address.hostname) and address.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise InputError(f"`{url.rpartition('@')[2]}` is not the address of a proxy", hint=hint)
    if address.scheme not in schemes:
        raise InputError(f"`{address.scheme}` is not a kind of proxy known here", hint=hint)
    return address
