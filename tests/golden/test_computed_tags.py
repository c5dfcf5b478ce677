"""Our tags are those that docker-library publishes for the same versions."""

import pytest
from tests.support.families import shipped, targets_of
from tests.support.shared import recorded

from brewhouse.model import Entry, Library, Release
from brewhouse.tag.compute import compute_library
from brewhouse.tag.read import read_library

# What the library files of 2026-08-21 hold: releases that are newer than our lock.
PUBLISHED = {
    "3.15-rc": "3.15.0rc1",
    "3.14": "3.14.7",
    "3.13": "3.13.15",
    "3.12": "3.12.14",
    "3.11": "3.11.16",
    "3.10": "3.10.21",
}


def published(repo: str) -> Library:
    return read_library((recorded("docs-2026-08-21/library") / repo).read_bytes(), repo)


def computed(repo: str) -> Library:
    families = shipped()
    releases = {line: Release(version, "https://example.org/x", "0" * 64) for line, version in PUBLISHED.items()}
    return compute_library(families[repo], targets_of(families, repo, releases), "0" * 40)


def facts(entry: Entry) -> tuple[object, ...]:
    """Return all of an entry that does not depend on the commit."""
    source = entry.source
    return (
        entry.tags, entry.shared_tags, entry.architectures, entry.constraints, entry.maintainers,
        source.git_repo, source.directory, source.file, source.builder,
    )  # fmt: skip


def test_the_library_file_of_python_is_docker_librarys_but_for_the_commits() -> None:
    ours, theirs = computed("python"), published("python")
    assert [facts(entry) for entry in ours.entries] == [facts(entry) for entry in theirs.entries]


def test_the_entries_of_buildpack_deps_are_docker_librarys_for_our_suites() -> None:
    ours = [facts(entry) for entry in computed("buildpack-deps").entries]
    theirs = [
        facts(entry)
        for entry in published("buildpack-deps").entries
        if entry.source.directory.startswith(("debian/trixie", "debian/bookworm"))
    ]
    assert sorted(ours, key=repr) == sorted(theirs, key=repr)


@pytest.mark.parametrize(
    ("directory", "theirs"),
    [
        ("trixie", "trixie/oci"),
        ("trixie/slim", "trixie/slim/oci"),
        ("bookworm", "bookworm/oci"),
        ("bookworm/slim", "bookworm/slim/oci"),
    ],
)
def test_debian_has_a_part_of_the_published_tags_and_all_architectures(directory: str, theirs: str) -> None:
    (ours,) = [entry for entry in computed("debian").entries if entry.source.directory == directory]
    (other,) = [entry for entry in published("debian").entries if entry.source.directory == theirs]
    assert set(ours.tags) < set(other.tags)
    assert ours.architectures == other.architectures
