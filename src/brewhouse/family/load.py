"""Image families as they lie on disk: those that ship with the program, and those of `--families`."""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from brewhouse.errors import InputError
from brewhouse.family.read import read_family
from brewhouse.model import Family

_READ = (".j2", ".toml", ".json")


def shipped_families() -> Path:
    """Return the folder of the families that ship: inside the wheel, or at the root of a checkout.

    Raises InputError where neither is there.
    """
    package = Path(str(files("brewhouse")))
    for folder in (package / "families", package.parents[1] / "families"):
        if folder.is_dir():
            return folder
    raise InputError("this installation has no families", hint="install it again, or name a folder: --families DIR")


def load_families(folders: Iterable[Path]) -> dict[str, Family]:
    """Return all families by the name of their folder; a later folder's family replaces an earlier one's.

    Raises InputError for a folder that holds none, and for a family with faults.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        here = {file.parent.name: file.parent for file in sorted(folder.glob("*/family.toml"))}
        if not here:
            raise InputError(f"{folder} holds no family", hint="each family is a folder with a family.toml in it")
        found |= here
    return {repo: _load_family(repo, folder) for repo, folder in found.items()}


def _load_family(repo: str, folder: Path) -> Family:
    """Read one folder; what lies deeper (checks, readme) belongs to other stages."""
    files = {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.suffix in _READ}
    return read_family(repo, files, str(folder))
