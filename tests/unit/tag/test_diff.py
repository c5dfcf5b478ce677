"""What a change of a library file does."""

from tests.support.library import COMMIT, OTHER_COMMIT, facts, library

from brewhouse.oci.platform import Arch
from brewhouse.tag.diff import Consequence, Diff, TagChange, diff_libraries
from brewhouse.tag.diff_report import diff_markdown, diff_text

ARCHES = "Architectures: amd64, s390x"
BEFORE = library(
    "python",
    f"Tags: 3.14.6-trixie, 3.14-trixie\nSharedTags: latest\n{ARCHES}\nDirectory: 3.14/trixie",
    f"Tags: 3.9-trixie\n{ARCHES}\nDirectory: 3.9/trixie",
    "Tags: 3.14.6-windows\nSharedTags: latest\nArchitectures: windows-amd64\nDirectory: w",
)
AFTER = library(
    "python",
    f"Tags: 3.14.7-trixie, 3.14-trixie\nSharedTags: latest\n{ARCHES}\n"
    f"Directory: 3.14/trixie\nGitCommit: {OTHER_COMMIT}",
    "Tags: 3.14.6-windows\nSharedTags: latest\nArchitectures: windows-amd64\nDirectory: w",
    "Tags: 3.15-trixie\nDirectory: 3.15/trixie",
)
HYLANG = library(
    "hylang", f"Tags: 1-python3.14\n{ARCHES}", "Tags: 1-slim\nFile: s", "Tags: 1-win\nArchitectures: windows-amd64"
)
SPHINX = library("sphinx", f"Tags: 9\n{ARCHES}")
FROMS = facts(
    {
        "hylang:1-python3.14": "python:3.14-trixie",
        "hylang:1-slim": "debian:trixie",
        "hylang:1-win": "python:latest",
        "sphinx:9": "scratch hylang:1-python3.14",
    }
)
BOTH = (Arch.AMD64, Arch.S390X)
DIFF = diff_libraries(BEFORE, AFTER, [AFTER, HYLANG, SPHINX], FROMS)


def test_tags_appear_move_and_vanish_per_architecture() -> None:
    assert DIFF.tags == (
        TagChange("3.14.7-trixie", "appears", (), ("3.14.7-trixie",), BOTH),
        TagChange("3.14-trixie", "moves", ("3.14.6-trixie",), ("3.14.7-trixie",), BOTH),
        TagChange("latest", "moves", ("3.14.6-trixie",), ("3.14.7-trixie",), BOTH),
        TagChange("3.15-trixie", "appears", (), ("3.15-trixie",), (Arch.AMD64,)),
        TagChange("3.14.6-trixie", "vanishes", ("3.14.6-trixie",), (), BOTH),
        TagChange("3.9-trixie", "vanishes", ("3.9-trixie",), (), BOTH),
    )


def test_an_image_with_a_new_first_tag_is_compared_with_the_one_whose_tags_it_took() -> None:
    (change,) = DIFF.sources
    assert (change.image, change.architectures) == ("3.14.7-trixie", BOTH)
    assert (change.before.git_commit, change.after.git_commit) == (COMMIT, OTHER_COMMIT)


def test_images_are_rebuilt_that_are_built_from_changed_ones_on_the_same_architecture() -> None:
    assert DIFF.consequences == (
        Consequence("hylang:1-python3.14", "python:3.14-trixie", BOTH),
        Consequence("sphinx:9", "hylang:1-python3.14", BOTH),
    )


def test_a_tag_that_only_changes_hands_without_another_source_rebuilds_nothing() -> None:
    before = library("x", "Tags: a\nSharedTags: s", "Tags: b\nFile: F")
    after = library("x", "Tags: a, c\nSharedTags: s", "Tags: b\nFile: F")
    change = diff_libraries(before, after, [after, library("y", "Tags: 1")], facts({"y:1": "x:a"}))
    assert [tag.tag for tag in change.tags] == ["c"]
    assert (change.sources, change.consequences) == ((), ())


def test_no_change_is_said_to_be_none() -> None:
    same = diff_libraries(BEFORE, BEFORE, [BEFORE, HYLANG], FROMS)
    assert same == Diff("python")
    assert diff_text(same) == "no change of python\n"
    assert diff_markdown(same) == "### `python`\n\nno change of `python`\n"


def test_the_text_names_each_kind_of_change_with_its_lines() -> None:
    assert diff_text(DIFF) == (
        "2 tags appear\n"
        "  3.14.7-trixie: 3.14.7-trixie (amd64, s390x)\n"
        "  3.15-trixie: 3.15-trixie (amd64)\n"
        "2 tags move\n"
        "  3.14-trixie: 3.14.6-trixie -> 3.14.7-trixie (amd64, s390x)\n"
        "  latest: 3.14.6-trixie -> 3.14.7-trixie (amd64, s390x)\n"
        "2 tags vanish\n"
        "  3.14.6-trixie: was 3.14.6-trixie (amd64, s390x)\n"
        "  3.9-trixie: was 3.9-trixie (amd64, s390x)\n"
        "1 image made from another source\n"
        "  3.14.7-trixie: commit 228f71e70a42 -> 9950175fe6f7 (amd64, s390x) "
        f"https://github.com/docker-library/python/compare/{COMMIT}...{OTHER_COMMIT}\n"
        "2 images to be made again\n"
        "  hylang:1-python3.14 is built from python:3.14-trixie (amd64, s390x)\n"
        "  sphinx:9 is built from hylang:1-python3.14 (amd64, s390x)\n"
    )


def test_the_markdown_folds_the_lists() -> None:
    text = diff_markdown(DIFF)
    assert text.startswith("### `python`\n\n<details><summary>2 tags appear</summary>\n\n- `3.14.7-trixie`: ")
    assert text.count("<details>") == text.count("</details>") == 5


def test_a_moved_dockerfile_and_another_builder_are_named() -> None:
    before = library("x", "Tags: a")
    after = library("x", "Tags: a\nDirectory: d\nBuilder: buildkit\nGitRepo: https://example.org/x.git")
    (line,) = diff_text(diff_libraries(before, after, [], FROMS)).splitlines()[1:]
    assert line == (
        "  a: repository https://github.com/docker-library/python.git -> https://example.org/x.git, "
        "Dockerfile Dockerfile -> d/Dockerfile, builder default -> buildkit (amd64)"
    )
