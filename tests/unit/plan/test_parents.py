import pytest

from brewhouse.errors import DockerfileError
from brewhouse.model import Context
from brewhouse.plan.parents import find_parents


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        ("FROM debian:trixie-slim\n", ("debian:trixie-slim",)),
        ("FROM scratch\n", ()),
        ("FROM debian:trixie AS Base\nFROM base\n", ("debian:trixie",)),
        ("FROM a AS one\nFROM b\nCOPY --from=one / /\nCOPY --from=0 / /\nCOPY --from=c / /\n", ("a", "b", "c")),
        ("FROM a\nRUN --mount=type=bind,from=b true\n", ("a", "b")),
        ("FROM a\nFROM a\n", ("a",)),
        ("FROM a\nRUN <<SCRIPT\nfrom nowhere import nothing\nFROM b\nSCRIPT\n", ("a",)),
        ("ARG BASE=a\nFROM $BASE\n", ()),
    ],
)
def test_parents_are_the_images_that_a_dockerfile_names(dockerfile: str, expected: tuple[str, ...]) -> None:
    assert find_parents(Context({"Dockerfile": dockerfile.encode()}), "Dockerfile") == expected


def test_what_has_no_dockerfile_has_no_parents() -> None:
    assert find_parents(Context({"debian.json": b"{}"}), "debian/trixie/Dockerfile") == ()


def test_a_dockerfile_with_a_fault_is_named() -> None:
    with pytest.raises(DockerfileError, match=r"python/3\.13/Dockerfile"):
        find_parents(Context({"Dockerfile": b"FORM a\n"}), "python/3.13/Dockerfile")
