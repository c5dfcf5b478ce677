"""What tests need from outside, or else are skipped."""

import httpx2
import pytest

from brewhouse.errors import BrewError
from brewhouse.system.sources import machine_mirror


def need_mirror() -> None:
    """Skip the test where there is no Debian mirror to build from."""
    try:
        url = f"{machine_mirror().archive}/dists/trixie/InRelease"
        httpx2.head(url, timeout=10, follow_redirects=True).raise_for_status()
    except (BrewError, httpx2.HTTPError) as error:
        pytest.skip(f"no Debian mirror can be reached: {error}")
