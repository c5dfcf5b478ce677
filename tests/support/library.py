"""Library files and FROM values for tests."""

from collections.abc import Mapping

from brewhouse.model import Library
from brewhouse.system.network.froms import FactFroms
from brewhouse.tag.read import read_library

COMMIT = "228f71e70a42ba9f9a092321b971031603bb88ff"
OTHER_COMMIT = "9950175fe6f74b450230a95a31d7afca1adfbce7"
MAINTAINER = "Tianon Gravi <admwiggin@gmail.com> (@tianon)"
COMMON = f"Maintainers: {MAINTAINER}\nGitRepo: https://github.com/docker-library/python.git\nGitCommit: {COMMIT}\n"


def library(name: str, *entries: str, common: str = COMMON) -> Library:
    """Return a library file whose entries are these paragraphs."""
    return read_library("\n\n".join([common.rstrip("\n"), *entries]).encode(), name)


def facts(froms: Mapping[str, str]) -> FactFroms:
    """Return FROM values: "python:3.14.7-trixie" -> "buildpack-deps:trixie scratch", the last stage's last."""
    return FactFroms({name: tuple(images.split()) for name, images in froms.items()})
