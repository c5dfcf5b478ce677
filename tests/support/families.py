"""Families for tests: those that ship, and a tiny one that can be broken."""

from collections.abc import Mapping

from brewhouse.family.expand import expand
from brewhouse.family.load import load_families, shipped_families
from brewhouse.family.read import read_family
from brewhouse.model import Family, Release, Target
from brewhouse.oci.platform import Arch
from brewhouse.tag.compute import tagged

FAMILY = """
builder = "dockerfile"

[library]
git_repo = "https://github.com/example/tool.git"
maintainers = ["A Name <a@example.org> (@a)"]

[upstream]
url = "https://example.org/{final}/tool-{version}.tar.xz"
pool = "pool/main/t/tool/tool_{debian}.orig.tar.xz"

[[lines]]
name = "1.3-rc"

[[lines]]
name = "1.2"
aliases = ["1", "latest"]
facts = { colour = "red" }

[[variants]]
name = "trixie"
template = "Dockerfile.j2"
parents = ["debian:trixie"]
arches = ["amd64", "arm64v8"]
shared_suffixes = [""]
"""
LOCK = b"""{
 "1.3.0b1": {"source_sha256": "%s"},
 "1.2.10": {"source_sha256": "%s"},
 "1.2.9": {"source_sha256": "%s"}
}""" % (b"b" * 64, b"a" * 64, b"9" * 64)
TEMPLATE = b"FROM {{ parents[0] }}\nENV VERSION={{ release.version }}\n"


def tiny_files(toml: str = FAMILY, lock: bytes = LOCK, template: bytes = TEMPLATE) -> dict[str, bytes]:
    """Return the files of a family's folder."""
    return {"family.toml": toml.encode(), "versions.json": lock, "Dockerfile.j2": template}


def tiny_family(toml: str = FAMILY, lock: bytes = LOCK, template: bytes = TEMPLATE) -> Family:
    return read_family("tool", tiny_files(toml, lock, template), "families/tool")


def shipped() -> dict[str, Family]:
    return load_families([shipped_families()])


def targets_of(
    families: Mapping[str, Family], repo: str, releases: Mapping[str, Release] | None = None
) -> list[Target]:
    """Return all targets with their tags."""
    return [tagged(target) for target in expand(families, repo, releases)]


def target_at(families: Mapping[str, Family], repo: str, directory: str, arch: Arch = Arch.AMD64) -> Target:
    """Return the one target that is rendered to `directory`."""
    (found,) = [other for other in targets_of(families, repo) if (other.directory, other.arch) == (directory, arch)]
    return found
