"""Recorded inputs and expected outputs that lie beside the checkout, where there are any."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"


def recorded(name: str) -> Path:
    """Return a folder or file of recorded data, or skip the test (or the module) that wants it."""
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"recorded data `{name}` is not beside this checkout", allow_module_level=True)
    return path
