"""The list of tags and the line of architectures."""

import pytest
from tests.support.library import COMMIT, library

from brewhouse.errors import InputError
from brewhouse.library import source_of
from brewhouse.model import Source
from brewhouse.oci.platform import Arch
from brewhouse.readme.branch import NAMESPACES, Branch
from brewhouse.readme.edition import CURRENT, OF_2019
from brewhouse.readme.tags import arches_text, dockerfile_url, tags_text

MASTER = Branch()
ARM = Branch(Arch.ARM64V8, "arm64v8")
WINDOWS = Branch(Arch.WINDOWS_AMD64, "winamd64")
URL = f"https://github.com/docker-library/python/blob/{COMMIT}"
PYTHON = library(
    "python",
    "Tags: 3.14-trixie, trixie\nSharedTags: 3.14, latest\nArchitectures: amd64, arm64v8\nDirectory: 3.14/trixie",
    "Tags: 3.14-slim\nArchitectures: amd64\nDirectory: 3.14/slim",
    "Tags: 3.14-windows\nSharedTags: 3.14, latest, windows\nArchitectures: windows-amd64\nDirectory: w",
)
FAQ = CURRENT.shared_tags_question


def test_a_page_of_one_architecture_lists_its_entries_and_drops_groups_without_any() -> None:
    assert tags_text(PYTHON, ARM, CURRENT) == (
        f"{FAQ}## Simple Tags\n\n"
        f"-\t[`3.14-trixie`, `trixie`]({URL}/3.14/trixie/Dockerfile)\n\n"
        "## Shared Tags\n\n"
        "-\t`3.14`, `latest`:\n\n"
        f"\t-\t[`3.14-trixie`]({URL}/3.14/trixie/Dockerfile)"
    )


def test_the_master_page_lists_all_entries_and_groups() -> None:
    text = tags_text(PYTHON, MASTER, CURRENT)
    assert text.endswith(
        "-\t`3.14`, `latest`:\n\n"
        f"\t-\t[`3.14-trixie`]({URL}/3.14/trixie/Dockerfile)\n"
        f"\t-\t[`3.14-windows`]({URL}/w/Dockerfile)\n\n"
        "-\t`windows`:\n\n"
        f"\t-\t[`3.14-windows`]({URL}/w/Dockerfile)"
    )


def test_the_heading_of_shared_tags_stays_when_no_group_is_left() -> None:
    one = library(
        "golang", "Tags: a\nSharedTags: s\nArchitectures: amd64", "Tags: b\nArchitectures: arm64v8\nDirectory: b"
    )
    assert tags_text(one, ARM, CURRENT).endswith("-\t[`b`](" + URL + "/b/Dockerfile)\n\n## Shared Tags")


def test_without_shared_tags_there_are_no_headings() -> None:
    one = library("bash", "Tags: 5\nDirectory: 5", "Tags: 4\nDirectory: 4")
    link = f"](https://github.com/docker-library/python/blob/{COMMIT}"
    assert tags_text(one, MASTER, CURRENT) == f"-\t[`5`{link}/5/Dockerfile)\n\n-\t[`4`{link}/4/Dockerfile)"


@pytest.mark.parametrize("entries", [(), ("Tags: 1",)])
def test_an_architecture_that_is_not_supported_is_told(entries: tuple[str, ...]) -> None:
    text = tags_text(library("plone", *entries), ARM, CURRENT)
    assert text == "**WARNING:** THIS IMAGE *IS NOT SUPPORTED* ON THE `arm64v8` ARCHITECTURE"


def test_a_master_page_without_entries_says_so() -> None:
    empty = library("plone")
    assert tags_text(empty, MASTER, CURRENT) == "**No supported tags**"
    assert arches_text(empty, NAMESPACES, CURRENT) == "**No supported architectures**"


def test_the_page_of_2019_has_paths_a_badge_and_lines_close_together() -> None:
    base = "https://doi-janky.infosiftr.net/job/multiarch/job/arm64v8/job/python"
    assert tags_text(PYTHON, ARM, OF_2019) == (
        "## Simple Tags\n\n"
        f"-\t[`3.14-trixie`, `trixie` (*3.14/trixie/Dockerfile*)]({URL}/3.14/trixie/Dockerfile)\n\n"
        "## Shared Tags\n\n"
        "-\t`3.14`, `latest`:\n"
        f"\t-\t[`3.14-trixie` (*3.14/trixie/Dockerfile*)]({URL}/3.14/trixie/Dockerfile)\n\n"
        f"[![Build Status]({base}/badge/icon) (`%%IMAGE%%` build job)]({base}/)"
    )


def test_the_page_of_2019_of_an_unsupported_architecture() -> None:
    plain = library("jenkins", "Tags: 1")
    assert tags_text(plain, ARM, OF_2019) == (
        "**No supported tags found!**\n\n"
        "It is very likely that `jenkins` does not support the currently selected architecture (`arm64v8`)."
    )
    shared = library("jenkins", "Tags: 1\nSharedTags: s")
    assert tags_text(shared, ARM, OF_2019).startswith("## Simple Tags\n\n\n\n## Shared Tags\n\n[![Build Status]")


def test_a_master_page_of_2019_without_tags_or_architectures_fails() -> None:
    with pytest.raises(InputError, match="`plone` has no tags"):
        tags_text(library("plone"), MASTER, OF_2019)
    with pytest.raises(InputError, match="`plone` has no architectures"):
        arches_text(library("plone"), NAMESPACES, OF_2019)


@pytest.mark.parametrize(
    ("arches", "arch"), [("s390x, amd64", "amd64"), ("windows-amd64, s390x", "s390x"), ("arm32v7, arm32v5", "arm32v5")]
)
def test_the_master_page_links_amd64_or_the_first_architecture(arches: str, arch: str) -> None:
    (entry,) = library("x", f"Tags: 1\nArchitectures: {arches}").entries
    assert MASTER.arch_of(entry) == arch


def test_links_use_the_architectures_own_fields() -> None:
    (entry,) = library(
        "ubuntu", f"Tags: 1\nArchitectures: amd64, windows-amd64\nwindows-amd64-GitCommit: {'c' * 40}"
    ).entries
    assert f"/blob/{'c' * 40}/" in dockerfile_url(source_of(entry, Arch.WINDOWS_AMD64), CURRENT.links)


@pytest.mark.parametrize(
    ("repo", "directory", "url"),
    [
        ("https://github.com/x/y.git", "d", "https://github.com/x/y/blob/c/d/Dockerfile"),
        ("https://github.com/x/y", ".", "https://github.com/x/y/blob/c/Dockerfile"),
        ("git://github.com/x/y.git", "d", "https://github.com/x/y/blob/c/d/Dockerfile"),
        ("https://github.com/x/y.git.git", "d", "https://github.com/x/y.git/blob/c/d/Dockerfile"),
        ("https://gitlab.archlinux.org/a/b.git", "d", "https://gitlab.archlinux.org/a/b/-/blob/c/d/Dockerfile"),
        (
            "https://git.launchpad.net/+oci/u",
            "o",
            "https://git.launchpad.net/+oci/u/tree/o/Dockerfile?h=refs/tags/t&id=c",
        ),
        ("https://example.org/github.com/x", "d", ""),
        ("http://github.com/x/y.git", "d", ""),
    ],
)
def test_the_host_decides_the_form_of_the_link(repo: str, directory: str, url: str) -> None:
    source = Source(repo, "refs/tags/t", "c", directory)
    assert dockerfile_url(source, CURRENT.links) == url
    assert dockerfile_url(source, OF_2019.links) == (url if "://github.com/" in url else "")


def test_tags_without_a_link_are_only_quoted() -> None:
    (line,) = tags_text(library("x", "Tags: 1, latest\nGitRepo: https://example.org/x"), MASTER, CURRENT).split("\n")
    assert line == "-\t`1`, `latest`"


def test_architectures_without_a_namespace_have_no_link_and_come_last() -> None:
    one = library("x", "Tags: 1\nArchitectures: amd64, arm64v8", "Tags: 2\nArchitectures: windows-amd64, amd64")
    assert arches_text(one, {Arch.ARM64V8: "arm64v8", Arch.WINDOWS_AMD64: "winamd64"}, CURRENT) == (
        "[`arm64v8`](https://hub.docker.com/r/arm64v8/x/), "
        "[`windows-amd64`](https://hub.docker.com/r/winamd64/x/), `amd64`"
    )
