import pytest
from tests.support.families import shipped, target_at, targets_of

from brewhouse.errors import InputError
from brewhouse.family.resolve import find_targets, names_version, unknown_tag
from brewhouse.oci.platform import Arch
from brewhouse.oci.reference import parse_reference


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        ("python:3.13-slim", "3.13/slim-trixie"),
        ("python:3.13-slim-bookworm", "3.13/slim-bookworm"),
        ("python:3.13", "3.13/trixie"),
        ("python", "3.14/trixie"),
        ("python:slim", "3.14/slim-trixie"),
        ("python:3.15-rc-alpine", "3.15-rc/alpine3.24"),
        ("docker.io/library/python:3", "3.14/trixie"),
        ("debian:trixie-slim", "trixie/slim"),
        ("debian", "trixie"),
        ("buildpack-deps:scm", "debian/trixie/scm"),
    ],
)
def test_every_simple_and_shared_tag_leads_to_its_image(name: str, directory: str) -> None:
    reference = parse_reference(name)
    found = find_targets(reference, targets_of(shipped(), reference.repository), Arch.AMD64)
    assert [target.directory for target in found] == [directory]


def test_a_shared_tag_may_stand_for_several_images_of_one_architecture() -> None:
    reference = parse_reference("python:3.13-windowsservercore")
    found = find_targets(reference, targets_of(shipped(), "python"), Arch.WINDOWS_AMD64)
    assert [target.variant for target in found] == ["windowsservercore-ltsc2025", "windowsservercore-ltsc2022"]


def test_a_tag_of_other_architectures_is_met_with_those() -> None:
    reference = parse_reference("python:3.13-bookworm")
    with pytest.raises(InputError, match="is not made for s390x") as caught:
        find_targets(reference, targets_of(shipped(), "python"), Arch.S390X)
    assert caught.value.hint == "it is for: amd64, arm32v7, arm64v8, i386, ppc64le"


@pytest.mark.parametrize(
    ("name", "message", "near"),
    [
        ("python:3.13-slin", "python 3.13 has no variant `slin`", "`slim`"),
        ("python:3.13-slim-trixi", "python 3.13 has no variant `slim-trixi`", "`slim-trixie`"),
        ("python:3-bokworm", "python 3 has no variant `bokworm`", "`bookworm`"),
        ("python:3.99-slim", "python has no version `3.99`", "its lines: 3.15-rc, 3.14, 3.13"),
        ("python:3.99", "python has no version `3.99`", "3.10"),
        ("python:slin", "python has no tag `slin`", "`slim`"),
        ("debian:bokworm", "debian has no tag `bokworm`", "`bookworm`"),
        ("buildpack-deps:sdm", "buildpack-deps has no tag `sdm`", "`scm`"),
    ],
)
def test_an_unknown_tag_is_met_with_what_is_unknown_in_it(name: str, message: str, near: str) -> None:
    reference = parse_reference(name)
    targets = targets_of(shipped(), reference.repository)
    assert find_targets(reference, targets, Arch.AMD64) == []
    error = unknown_tag(reference, targets, Arch.AMD64)
    assert message in error.message
    assert near in error.hint


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("python:3.14.6-slim", True),
        ("python:3.14.6", True),
        ("python:3.14-slim", False),
        ("python:slim", False),
        ("python", False),
    ],
)
def test_only_a_whole_version_asks_for_that_very_release(name: str, *, expected: bool) -> None:
    target = target_at(shipped(), "python", "3.14/slim-trixie")
    assert names_version(parse_reference(name), target) is expected
