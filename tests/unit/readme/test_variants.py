"""The part "Image Variants"."""

from pathlib import Path

import pytest
from tests.support.docs import make_docs
from tests.support.library import library

from brewhouse.model import Library
from brewhouse.readme.docs import Docs, Folder
from brewhouse.readme.edition import CURRENT, OF_2019, Edition
from brewhouse.readme.variants import Suites, alternatives, find_variant, variant_sections, variants_text

DEBIAN = library(
    "debian",
    "Tags: bookworm, 12\nFile: 1",
    "Tags: bookworm-slim\nFile: 2",
    "Tags: oldstable\nFile: 3",
    "Tags: rc-buggy, extra\nFile: 4",
    "Tags: trixie\nFile: 5",
)
UBUNTU = library("ubuntu", "Tags: 24.04, noble, latest\nSharedTags: rolling", "Tags: devel, stonking\nFile: 2")
SUITES = Suites(DEBIAN, UBUNTU)


def text(docs: Path, one: Library, image: str | None = "", edition: Edition = CURRENT) -> str:
    return variants_text(Docs([Folder(docs)]), one, one.entries, SUITES, lambda _: image, edition)


@pytest.mark.parametrize(
    ("tag", "names", "found"),
    [
        ("3", ["3", "slim"], "3"),
        ("3-slim", ["slim", "3"], "slim"),
        ("3-slim", ["3-slim", "slim"], "3-slim"),
        ("3-slim-trixie", ["slim", "trixie"], "trixie"),
        ("3-slim-trixie", ["slim", "3"], "slim"),
        ("2.7.15-windowsservercore-1803", ["2.7.15", "windowsservercore"], "windowsservercore"),
        ("3-slim-trixie-backports", ["slim", "3"], ""),
    ],
)
def test_a_tag_asks_for_itself_its_last_part_and_the_one_before(tag: str, names: list[str], found: str) -> None:
    assert find_variant(tag, {name: name for name in names}) == found


def test_sections_come_in_the_order_of_the_first_tag_that_has_them(tmp_path: Path) -> None:
    docs = make_docs(tmp_path, python={"variant-alpine.md": "alpine\n"})
    tags = ["3-alpine3.24", "3-windowsservercore-ltsc2025", "3-alpine", "3-slim", "3-slim-trixie"]
    sections = list(variant_sections(Docs([Folder(docs)]), "python", tags))
    assert sections == ["## windows", "alpine", "## `%%IMAGE%%:<version>-slim`\n\nslim"]


def test_an_own_file_goes_before_a_common_one(tmp_path: Path) -> None:
    docs = make_docs(tmp_path, python={"variant-slim.md": "own"})
    assert list(variant_sections(Docs([Folder(docs)]), "python", ["3-slim"])) == ["own"]


def test_an_empty_file_switches_a_variant_off(tmp_path: Path) -> None:
    docs = make_docs(tmp_path, python={"variant-slim.md": ""})
    assert list(variant_sections(Docs([Folder(docs)]), "python", ["3-slim", "4-slim"])) == []


def test_a_file_that_was_used_ends_the_search_for_a_tag(tmp_path: Path) -> None:
    docs = make_docs(tmp_path, python={"variant-trixie.md": "trixie"})
    sections = list(variant_sections(Docs([Folder(docs)]), "python", ["3-trixie", "3-slim-trixie"]))
    assert sections == ["trixie"]


def test_links_are_followed_and_each_path_counts_for_itself(tmp_path: Path) -> None:
    docs = make_docs(tmp_path, php={"variant-fpm.md": "fpm\n"}, wordpress={})
    for name in ("fpm", "fpm-alpine"):
        (docs / "wordpress" / f"variant-{name}.md").symlink_to("../php/variant-fpm.md")
    assert list(variant_sections(Docs([Folder(docs)]), "wordpress", ["6-fpm", "fpm-alpine"])) == ["fpm", "fpm"]


def test_shared_tags_bring_no_section(tmp_path: Path) -> None:
    assert text(make_docs(tmp_path, x={}), library("x", "Tags: 1\nSharedTags: 1-slim")) == ""


def test_without_a_section_there_is_no_part_at_all(tmp_path: Path) -> None:
    assert text(make_docs(tmp_path, x={}), library("x", "Tags: 1-trixie"), "buildpack-deps:trixie") == ""


def test_the_part_has_heading_suites_base_and_sections(tmp_path: Path) -> None:
    one = library("x", "Tags: 1-slim, bookworm-1, 1-rc-buggy, noble")
    docs = make_docs(tmp_path, x={})
    debian, ubuntu = "debian suites bookworm or rc-buggy, %%DEB-SUITES%%\n", "ubuntu suites noble\n"
    head, tail = "\n\n# Image Variants\n\nof `%%IMAGE%%`\n", "\n## `%%IMAGE%%:<version>-slim`\n\nslim"
    assert text(docs, one, "buildpack-deps:x") == f"{head}\n{debian}\n{ubuntu}\nlarge\n{tail}"
    assert text(docs, one, "buildpack-deps:x", OF_2019) == f"{head}\nlarge\n\n{debian}\n{ubuntu}{tail}"


def test_an_own_heading_stands_for_the_common_one(tmp_path: Path) -> None:
    docs = make_docs(tmp_path, x={"variant.md": "mine\n\n"})
    assert text(docs, library("x", "Tags: 1-slim")).startswith("\n\nmine\n\n## ")


@pytest.mark.parametrize(
    ("image", "is_large"),
    [
        ("buildpack-deps:trixie", True),
        ("buildpack-deps:latest", True),
        ("buildpack-deps:trixie-scm", False),
        ("buildpack-deps:trixie-curl", False),
        ("arm64v8/buildpack-deps:trixie", False),
        ("debian:trixie", False),
        ("scratch", False),
        ("", False),
    ],
)
def test_only_the_large_buildpack_deps_images_are_spoken_of(tmp_path: Path, image: str, *, is_large: bool) -> None:
    assert ("\nlarge\n" in text(make_docs(tmp_path, x={}), library("x", "Tags: 1-slim"), image)) is is_large


def test_the_base_of_entries_of_other_architectures_counts(tmp_path: Path) -> None:
    one = library("x", "Tags: 1-slim\nArchitectures: windows-amd64", "Tags: 1\nFile: F")
    docs = Docs([Folder(make_docs(tmp_path, x={}))])
    froms = {"1-slim": "windows", "1": "buildpack-deps:trixie"}
    windows = variants_text(docs, one, one.entries[:1], SUITES, lambda entry: froms[entry.tags[0]], CURRENT)
    assert "\nlarge\n" in windows


def test_a_dockerfile_without_from_takes_the_part_away(tmp_path: Path) -> None:
    assert text(make_docs(tmp_path, x={}), library("x", "Tags: 1-slim"), None) == ""


def test_suites_come_from_first_tags_of_debian_and_all_tags_of_ubuntu() -> None:
    assert SUITES.debian == ["bookworm", "rc-buggy", "trixie"]
    assert SUITES.ubuntu == ["noble", "rolling", "stonking"]
    assert Suites(None, None).debian == []


@pytest.mark.parametrize("repo", ["debian", "ubuntu"])
def test_the_suites_own_repositories_do_not_explain_them(tmp_path: Path, repo: str) -> None:
    docs = Docs([Folder(make_docs(tmp_path))])
    assert list(SUITES.texts(docs, repo, ["bookworm", "noble"])) == []


@pytest.mark.parametrize(
    ("tag", "found"),
    [("trixie", True), ("1-trixie", True), ("trixie-1", True), ("1-trixie-2", True), ("1-trixie2", False)],
)
def test_a_suite_is_a_part_of_a_tag_between_dashes(tmp_path: Path, tag: str, *, found: bool) -> None:
    docs = Docs([Folder(make_docs(tmp_path))])
    assert bool(list(SUITES.texts(docs, "x", [tag]))) is found


@pytest.mark.parametrize(
    ("words", "joined"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c", "d"], "a, b, c, or d")]
)
def test_alternatives_are_joined_as_in_a_sentence(words: list[str], joined: str) -> None:
    assert alternatives(words) == joined
