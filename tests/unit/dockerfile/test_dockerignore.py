import pytest

from brewhouse.dockerfile.dockerignore import ignore_names, ignore_patterns, parse_dockerignore
from brewhouse.errors import DockerfileError


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        (b"", []),
        (b"# comment\n\n  \na\n", ["a"]),
        (b" # no comment\n", ["# no comment"]),
        (b"\xef\xbb\xbf*.log\r\n", ["*.log"]),
        (b"/docs/\n! /docs/a.md \n", ["docs", "!docs/a.md"]),
        (b"a/../b//c/.\n/\n!", ["b/c", "/", "!"]),
        (b"\\#a\n!#b", ["\\#a", "!#b"]),
        (b"nal\xe9\n", ["nal\ufffd"]),
    ],
)
def test_the_lines_of_a_file_become_patterns(text: bytes, patterns: list[str]) -> None:
    assert ignore_patterns(text, ".dockerignore") == patterns


def test_a_malformed_pattern_is_refused_with_its_line() -> None:
    with pytest.raises(DockerfileError, match=r"syntax error in pattern: \[a \(\.dockerignore:3\)"):
        parse_dockerignore(b"a\n# b\n[a\n", ".dockerignore")


def test_a_line_longer_than_buildkit_reads_is_refused() -> None:
    with pytest.raises(DockerfileError, match=r"longer than 65535 bytes \(\.dockerignore:2\)"):
        parse_dockerignore(b"a\n" + b"b" * 65_536, ".dockerignore")


def test_a_file_beside_the_dockerfile_comes_first() -> None:
    assert ignore_names("build/x.Dockerfile") == ("build/x.Dockerfile.dockerignore", ".dockerignore")


@pytest.mark.parametrize(
    ("patterns", "folder", "may_hold"),
    [
        ("docs\n", "docs", False),
        ("docs\n!docs/a.md\n", "docs", True),
        ("docs\n!src/a.md\n", "docs", False),
        ("*\n!src/*/keep\n", "src/deep", True),
        ("*\n!src/*/keep\n", "doc/deep", False),
        ("*\n!**/keep\n", "anything", True),
        ("*\n!a[^b]c\n", "a", True),
        ("*\n!?/a|b/c\n", "d/e", True),
        ("*\n!a{2}/?\n", "aa", True),
        ("*\n!\\d/?\n", "1", True),
    ],
)
def test_a_walk_enters_an_ignored_folder_only_for_exceptions(
    patterns: str,
    folder: str,
    may_hold: bool,  # noqa: FBT001 - a table's column
) -> None:
    assert parse_dockerignore(patterns.encode(), ".dockerignore").may_hold_exceptions(folder) is may_hold
