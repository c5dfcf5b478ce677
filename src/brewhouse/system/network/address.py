"""Addresses, as they may be shown."""

import re
from pathlib import Path


def without_password(place: str | Path) -> str:
    """Return an address, or a path, as it may be shown: without the user and password that a URL may hold."""
    return re.sub(r"(?<=://)[^/@]*@", "", str(place))
