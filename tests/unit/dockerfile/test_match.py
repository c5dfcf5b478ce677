from itertools import permutations

import pytest

from brewhouse.dockerfile.match import PatternList, clean, match
from brewhouse.errors import DockerfileError


@pytest.mark.parametrize(
    ("pattern", "name", "is_match"),
    [
        ("abc", "abc", True),
        ("*", "abc", True),
        ("*", "a/b", False),
        ("*.py", "setup.py", True),
        ("*.py", ".py", True),
        ("a*/b", "abc/b", True),
        ("a*b*c*/f", "aXbYcZ/f", True),
        ("a*b?c*x", "abxbbxdbxebxczzx", True),
        ("a*b?c*x", "abxbbxdbxebxczzy", False),
        ("a?b", "a☺b", True),
        ("a?b", "a/b", False),
        ("ab[c]", "abc", True),
        ("ab[^c]", "abc", False),
        ("ab[b-d]", "abc", True),
        ("ab[^e-g]", "abc", True),
        ("[^a]", "/", True),
        ("[à-ü]*", "é", True),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        (r"[\]a]", "]", True),
        (r"[\-x]", "-", True),
        ("", "", True),
        ("", "a", False),
        ("*x", "xxx", True),
        ("**", "a", True),
        ("*[^x]*b", "a/ab", False),
    ],
)
def test_a_name_matches_as_in_go(pattern: str, name: str, is_match: bool) -> None:  # noqa: FBT001 - a table's column
    assert match(pattern, name) is is_match


@pytest.mark.parametrize(
    ("patterns", "path", "is_match"),
    [
        (["**/*.md", "!docs"], "docs", False),
        (["**/*.md", "!docs"], "docs/a.md", True),
        (["**/*.md", "!docs/**"], "docs/a.md", False),
        (["*", "!docs"], "docs/a.md", False),
        (["docs", "!docs/a.md", "docs"], "docs/a.md", False),
        (["docs", "!docs/a.md", "docs/**"], "docs/a.md", True),
        (["docs"], "docs/a/b", True),
    ],
)
def test_a_walk_asks_no_exception_about_a_folder_that_nothing_matched(
    patterns: list[str],
    path: str,
    is_match: bool,  # noqa: FBT001 - a table's column
) -> None:
    assert PatternList(patterns).matches_on_the_way(path) is is_match


@pytest.mark.parametrize("pattern", ["[", "[]", "[^", "[-x]", "[a-]", "[a", "[x-", "a[", "\\", "a\\", "[a-b-c]"])
@pytest.mark.parametrize("name", ["a", "zzz", ""])
def test_a_malformed_pattern_is_refused_whatever_the_name(pattern: str, name: str) -> None:
    with pytest.raises(DockerfileError, match="syntax error in pattern"):
        match(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("a|b/?", "a|b/c", True),
        ("a|b/?", "ab", True),
        ("a|b/?", "x/b/c", True),
        ("a|b/?", "xa", False),
        ("a|b", "a", False),
        ("a{2}/?", "aa/b", True),
        ("a{2}/?", "a{2}/b", False),
        ("{a}/?", "{a}/b", True),
        ("a{,2}?", "a{,2}b", True),
        ("(a)+/?", "(a)+/b", True),
        (r"a\|b?", "a|bc", True),
    ],
)
def test_choices_and_counts_are_those_of_a_regular_expression_beside_wildcards(
    pattern: str,
    path: str,
    is_match: bool,  # noqa: FBT001 - a table's column
) -> None:
    assert PatternList([pattern]).matches(path) is is_match


@pytest.mark.parametrize("pattern", ["a{1001}?", "a{2,1}?", "*{2}"])
def test_a_count_that_go_refuses_is_refused(pattern: str) -> None:
    with pytest.raises(DockerfileError, match="syntax error in pattern"):
        PatternList([pattern])


def test_what_is_malformed_behind_a_star_counts_where_the_name_leads_there() -> None:
    assert not match("x*[a-]", ".")
    with pytest.raises(DockerfileError, match="syntax error in pattern"):
        match("x*[a-]", "xa")
    assert not PatternList(["x*[a-]"]).matches("a")


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [("", "."), ("//a//b/", "/a/b"), ("a/./b/../c", "a/c"), ("../a", "../a"), ("/..", "/"), ("a/..", ".")],
)
def test_a_path_is_cleaned_as_in_go(path: str, cleaned: str) -> None:
    assert clean(path) == cleaned


@pytest.mark.parametrize(
    ("patterns", "matched", "unmatched"),
    [
        (["docs"], ["docs", "docs/a", "docs/a/b"], ["a/docs", "docsx"]),
        (["docs", "!docs/a"], ["docs", "docs/b"], ["docs/a", "docs/a/b"]),
        (["!docs/a", "docs"], ["docs/a"], ["a"]),
        (["**/*.pyc"], ["a.pyc", "a/b/c.pyc"], ["a.py"]),
        (["a/**"], ["a/b", "a/b/c"], ["a", "b"]),
        (["**"], ["a", "a/b", ".a"], ["."]),
        (["*", "!src"], ["a", ".git/x"], ["src", "src/a.py"]),
        (["**/node_modules/**"], ["node_modules/a", "x/node_modules/a/b"], ["node_modules"]),
        (["**file"], ["file", "xfile", "a/bfile"], ["filea"]),
        (["a?.txt", r"b\*"], ["ab.txt", "b*"], ["a/.txt", "bc"]),
        (["[[:digit:]]x"], ["1x"], ["ax"]),
        ([r"\d"], ["7"], ["d"]),
        (["a.b+c"], ["a.b+c"], ["axbbc"]),
        (["[a*]"], ["a]", "aa]"], ["a", "*"]),
        (["  spaced  ", ""], ["spaced"], ["a"]),
        (["./a/../b/"], ["b", "b/c"], ["a"]),
    ],
)
def test_the_last_pattern_that_matches_a_path_or_its_parents_decides(
    patterns: list[str], matched: list[str], unmatched: list[str]
) -> None:
    pattern_list = PatternList(patterns)
    assert [path for path in matched + unmatched if pattern_list.matches(path)] == matched


@pytest.mark.parametrize("pattern", ["[", "!", "![a", "[z-a]*", r"\y*"])
def test_a_list_with_a_malformed_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(DockerfileError):
        PatternList(["fine", pattern])


@pytest.mark.parametrize("path", ["a", "a/b", "a/b/c", "a/d", "d/c", "x", "x/d", "a\nb/c"])
def test_the_last_pattern_that_matches_decides_in_whatever_order_they_stand(path: str) -> None:
    for patterns in permutations(["a", "!a/b", "**/c", "!**/d", "a/b/c*", "a\nb**"]):
        is_matched = False
        for pattern in patterns:
            if PatternList([pattern.removeprefix("!")]).matches(path):
                is_matched = not pattern.startswith("!")
        assert PatternList(patterns).matches(path) == is_matched, patterns


def test_a_list_knows_whether_it_has_exceptions() -> None:
    assert PatternList(["a", "!b"]).has_exceptions
    assert not PatternList(["a", r"\!b"]).has_exceptions
