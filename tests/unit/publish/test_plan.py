"""Tests of what is published where: namespaces, indexes, tags, and what may be missing."""

import pytest

from brewhouse.errors import InputError
from brewhouse.model import Entry, Image, Library, Source
from brewhouse.oci.digest import Digest, digest_of
from brewhouse.oci.document import (
    CONFIG,
    MANIFEST,
    ImageConfig,
    Index,
    Manifest,
    read_document,
    write_document,
)
from brewhouse.oci.platform import PLATFORMS, Arch, Platform
from brewhouse.publish.annotations import MISSING, Base, annotated, image_annotations, registry_url
from brewhouse.publish.destination import parse_destination
from brewhouse.publish.gather import Ready, store_name
from brewhouse.publish.plan import Put, immutable_put, plan_moves, plan_puts
from brewhouse.publish.request import stored_versions, wanted_entries
from brewhouse.publish.tree import Tree

TRIXIE = Entry(("3.14.6-trixie", "trixie"), ("3.14.6", "latest"), (Arch.AMD64, Arch.ARM64V8))
SLIM = Entry(("3.14.6-slim", "slim"), (), (Arch.AMD64, Arch.ARM32V7))
LTSC2025 = Entry(("3.14.6-windowsservercore-ltsc2025",), ("3.14.6", "latest"), (Arch.WINDOWS_AMD64,))
LTSC2022 = Entry(("3.14.6-windowsservercore-ltsc2022",), ("3.14.6", "latest"), (Arch.WINDOWS_AMD64,))
PYTHON = Library("python", Entry(), (TRIXIE, SLIM, LTSC2025, LTSC2022))
HERE = parse_destination("registry.example/acme", {})


def ready(entry: Entry, arch: Arch, os_version: str = "") -> Ready:
    """Return an image whose config is all that it has."""
    known = PLATFORMS[arch]
    config = write_document(ImageConfig(known.architecture, known.os, os_version=os_version, author=entry.tags[0]))
    manifest = write_document(Manifest(2, config.descriptor(CONFIG), (), MANIFEST))
    descriptor = manifest.descriptor(MANIFEST)
    platform = Platform(known.architecture, known.os, os_version, (), known.variant)
    image = Image(descriptor, manifest, config)
    tree = Tree(descriptor, manifest.raw, (manifest.value.config,))
    return Ready(entry, arch, image, tree, manifest.descriptor(MANIFEST, platform), "")


ALL = [
    ready(TRIXIE, Arch.AMD64),
    ready(TRIXIE, Arch.ARM64V8),
    ready(SLIM, Arch.AMD64),
    ready(SLIM, Arch.ARM32V7),
    ready(LTSC2022, Arch.WINDOWS_AMD64, "10.0.20348.5622"),
    ready(LTSC2025, Arch.WINDOWS_AMD64, "10.0.26100.33438"),
]


def entries(put: Put) -> list[tuple[str, str]]:
    found = read_document(put.tree.raw, Index, "index").value.manifests
    return [(str(entry.platform), entry.platform.os_version) for entry in found if entry.platform]


def find_put(puts: list[Put], name: str) -> Put:
    repository, _, tag = name.rpartition(":")
    (found,) = [put for put in puts if put.repository.repository == repository and tag in put.tags]
    return found


def test_a_shared_tag_stands_for_linux_then_windows_with_the_newest_build_first() -> None:
    puts = plan_puts(PYTHON, ALL, HERE)
    assert entries(find_put(puts, "registry.example/acme/python:latest")) == [
        ("linux/amd64", ""),
        ("linux/arm64/v8", ""),
        ("windows/amd64", "10.0.26100.33438"),
        ("windows/amd64", "10.0.20348.5622"),
    ]


def test_a_simple_tag_stands_for_an_index_with_variants_of_arm() -> None:
    put = find_put(plan_puts(PYTHON, ALL, HERE), "registry.example/acme/python:slim")
    assert put.tags == ("3.14.6-slim", "slim")
    assert entries(put) == [("linux/amd64", ""), ("linux/arm/v7", "")]


def test_the_namespaces_of_architectures_have_the_images_themselves() -> None:
    puts = plan_puts(PYTHON, ALL, HERE)
    arm = find_put(puts, "registry.example/acme/arm64v8/python:trixie")
    assert arm.tree.descriptor.digest == ALL[1].tree.descriptor.digest
    assert find_put(puts, "registry.example/acme/arm64v8/python:latest").tree == arm.tree
    windows = find_put(puts, "registry.example/acme/winamd64/python:latest")
    assert [version for _, version in entries(windows)] == ["10.0.26100.33438", "10.0.20348.5622"]


def test_a_shared_tag_stays_as_it_is_while_one_of_its_entries_is_not_there() -> None:
    puts = plan_puts(PYTHON, ALL[:5], HERE)
    tags = {tag for put in puts for tag in put.tags}
    assert "latest" not in tags
    assert "trixie" in tags


def test_what_was_allowed_to_be_missing_is_recorded_in_the_index() -> None:
    puts = plan_puts(PYTHON, ALL[:3], HERE, frozenset({Arch.WINDOWS_AMD64, Arch.ARM32V7}))
    shared = read_document(find_put(puts, "registry.example/acme/python:latest").tree.raw, Index, "").value
    slim = read_document(find_put(puts, "registry.example/acme/python:slim").tree.raw, Index, "").value
    assert (shared.annotations, slim.annotations) == ({MISSING: "windows-amd64"}, {MISSING: "arm32v7"})


def test_only_tags_that_stand_for_something_else_move() -> None:
    (put,) = plan_puts(
        Library("tool", Entry(), (SLIM,)), [ready(SLIM, Arch.AMD64)], parse_destination("r.example", {})
    )[1:]
    old = digest_of(b"old")
    current = {"r.example/tool:3.14.6-slim": put.tree.descriptor.digest, "r.example/tool:slim": old}
    (move,) = plan_moves([put], current)
    assert (move.name, move.old, move.new) == ("r.example/tool:slim", old, put.tree)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, "3.14.6-slim-20261122.1"),
        ({"3.14.6-slim-20261121.4": "old"}, "3.14.6-slim-20261122.1"),
        ({"3.14.6-slim-20261122.9": "old", "3.14.6-slim-20261122.10": "old"}, "3.14.6-slim-20261122.11"),
        ({"3.14.6-slim-20261121.1": "same"}, ""),
        ({"3.14.6-slim-20261121.1": "same", "3.14.6-slim-20261121.2": "old"}, "3.14.6-slim-20261122.1"),
        ({"3.14.6-slim-bookworm-20261122.1": "same"}, "3.14.6-slim-20261122.1"),
    ],
)
def test_a_tag_that_never_moves_has_the_next_number_of_its_day(known: dict[str, str], expected: str) -> None:
    put = find_put(plan_puts(PYTHON, ALL, HERE), "registry.example/acme/python:slim")
    digests: dict[str, Digest | None] = {
        tag: put.tree.descriptor.digest if which == "same" else digest_of(b"old") for tag, which in known.items()
    }
    found = immutable_put(put, "20261122", digests)
    assert (found.tags[0] if found else "") == expected


@pytest.mark.parametrize(
    ("to", "namespaces", "main", "arm", "windows"),
    [
        ("r.example", {}, "r.example/python", "r.example/arm64v8/python", "r.example/winamd64/python"),
        ("ghcr.io/acme", {}, "ghcr.io/acme/python", "ghcr.io/acme/arm64v8/python", "ghcr.io/acme/winamd64/python"),
        ("docker.io", {}, "python", "arm64v8/python", "winamd64/python"),
        ("docker.io/acme", {Arch.ARM64V8: "acmearm"}, "acme/python", "acmearm/python", "winamd64/python"),
        ("r.io/a", {Arch.ARM64V8: "/arm"}, "r.io/a/python", "r.io/arm/python", "r.io/a/winamd64/python"),
        ("ghcr.io/acme", {Arch.ARM64V8: ""}, "ghcr.io/acme/python", "", "ghcr.io/acme/winamd64/python"),
    ],
)  # fmt: skip
def test_namespaces_stand_where_users_look_for_them(
    to: str, namespaces: dict[Arch, str], main: str, arm: str, windows: str
) -> None:
    destination = parse_destination(to, namespaces)
    found = [destination.arch("python", arch) for arch in (Arch.ARM64V8, Arch.WINDOWS_AMD64)]
    names = [reference.repository if reference else "" for reference in found]
    assert [destination.main("python").repository, *names] == [main, arm, windows]


@pytest.mark.parametrize("to", ["acme", "Registry.example/UPPER", "", "a b"])
def test_a_destination_that_is_no_registry_is_refused(to: str) -> None:
    with pytest.raises(InputError):
        parse_destination(to, {})


def test_annotations_are_those_of_official_images() -> None:
    source = Source("https://github.com/docker-library/python.git", git_commit="a" * 40, directory="3.14/slim-trixie")
    entry = Entry(("3.14.6-slim-trixie",), source=source)
    image = ready(entry, Arch.AMD64).image
    base = Base("debian:trixie-slim", digest_of(b"base"))
    found = image_annotations(entry, Arch.AMD64, image, "https://hub.docker.com/_/python", base)
    assert found == {
        "com.docker.official-images.bashbrew.arch": "amd64",
        "org.opencontainers.image.base.digest": base.digest,
        "org.opencontainers.image.base.name": "debian:trixie-slim",
        "org.opencontainers.image.revision": "a" * 40,
        "org.opencontainers.image.source": f"{source.git_repo}#{'a' * 40}:3.14/slim-trixie",
        "org.opencontainers.image.url": "https://hub.docker.com/_/python",
        "org.opencontainers.image.version": "3.14.6-slim-trixie",
    }
    made = annotated(image.manifest.value, found).value
    assert (made.config, made.layers) == (image.manifest.value.config, image.manifest.value.layers)


@pytest.mark.parametrize(
    ("domain", "path", "url"),
    [
        ("docker.io", "library/python", "https://hub.docker.com/_/python"),
        ("docker.io", "acme/python", "https://hub.docker.com/r/acme/python"),
        ("ghcr.io", "acme/python", "https://ghcr.io/acme/python"),
    ],
)
def test_the_page_of_a_repository_is_where_its_registry_has_it(domain: str, path: str, url: str) -> None:
    assert registry_url(domain, path) == url


def test_names_mean_entries() -> None:
    libraries = {"python": PYTHON}
    assert wanted_entries(["python"], libraries) == {"python": PYTHON.entries}
    assert wanted_entries(["python:slim", "python:trixie"], libraries) == {"python": (SLIM, TRIXIE)}
    assert wanted_entries(["python:latest"], libraries) == {"python": (TRIXIE, LTSC2025, LTSC2022)}
    with pytest.raises(InputError, match="has no tag `fat`"):
        wanted_entries(["python:fat"], libraries)
    with pytest.raises(InputError, match="there is no family `pyhton`"):
        wanted_entries(["pyhton"], libraries)


def test_versions_in_the_store_are_found_in_any_namespace() -> None:
    names = ["python:3.14.6-slim", "arm64v8/python:3.13.1", "python:latest", "ruby:3.4.1", "r.example/python:1"]
    assert stored_versions("python", names) == {"3.14.6", "3.13.1", "latest", "1"}


def test_the_store_calls_images_of_other_machines_by_their_architecture() -> None:
    assert store_name("python", "3.14-windowsservercore", Arch.WINDOWS_AMD64) == "python:3.14-windowsservercore"
    assert store_name("python", "3.14-slim", Arch.S390X) == "s390x/python:3.14-slim"


def test_an_index_names_the_annotated_manifests() -> None:
    put = find_put(plan_puts(PYTHON, ALL, HERE), "registry.example/acme/python:slim")
    lines = read_document(put.tree.raw, Index, "").value.manifests
    assert [(line.digest, line.size) for line in lines] == [
        (child.descriptor.digest, len(child.raw)) for child in put.tree.children
    ]
