import pytest

from brewhouse.dockerfile.words import Rules, process, process_word, process_words
from brewhouse.errors import DockerfileError

ENVIRONMENT = {"HOME": "/root", "EMPTY": "", "FILE": "/usr/lib/libz.so.1", "TWO": "a b"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$HOME/bin", "/root/bin"),
        ("${HOME}bin", "/rootbin"),
        ("'$HOME'", "$HOME"),
        ('"$HOME"', "/root"),
        (r"\$HOME", "$HOME"),
        (r'"\$HOME \x"', r"$HOME \x"),
        ("$NONE|$1|$@|$", "||" + "|$"),
        ("${NONE:-x}${NONE-y}${EMPTY:-z}${EMPTY-w}", "xyz"),
        ("${HOME:+x}${EMPTY:+y}${EMPTY+z}${NONE+w}", "xz"),
        ("${NONE:-${HOME:-/}}", "/root"),
        ("${FILE#*/}", "usr/lib/libz.so.1"),
        ("${FILE##*/}", "libz.so.1"),
        ("${FILE%.*}", "/usr/lib/libz.so"),
        ("${FILE%%.*}", "/usr/lib/libz"),
        ("${FILE/lib/LIB}", "/usr/LIB/libz.so.1"),
        ("${FILE//lib/LIB}", "/usr/LIB/LIBz.so.1"),
        (r"${FILE//\//-}", "-usr-lib-libz.so.1"),
        ("${FILE##*/lib?.}", "so.1"),
        ("${FILE//*/x}", "x"),
        ("${EMPTY//*/x}", "x"),
        ("${HOME#\ufeff/}", "root"),
        ("한국${HOME}", "한국/root"),
        ("back\\", "back"),
    ],
)
def test_a_word_is_expanded(text: str, result: str) -> None:
    assert process_word(text, ENVIRONMENT) == result


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a  b", ["a", "b"]),
        ("$TWO", ["a", "b"]),
        ('"$TWO" c', ["a b", "c"]),
        (r"a\ b", ["a b"]),
        ("x$TWO", ["xa", "b"]),
        ("$NONE", []),
        ("''", []),
        ("80${NONE:-81}", ["81"]),
    ],
)
def test_words_are_split_after_expansion(text: str, words: list[str]) -> None:
    assert list(process_words(text, ENVIRONMENT)) == words


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${NONE:?set NONE}", "NONE: set NONE"),
        ("${NONE?}", "NONE: is not allowed to be unset"),
        ("${EMPTY:?}", "EMPTY: is not allowed to be empty"),
        ("${HOME", r"unsupported modifier"),
        ("${HOME:-x", "syntax error: missing '}'"),
        ("${", "syntax error: missing '}'"),
        ("${}", "syntax error: bad substitution"),
        ("${HOME@Q}", r"unsupported modifier \(@\)"),
        ("${HOME:#x}", r"unsupported modifier \(:#\)"),
        ("${HOME/a}", "missing '/' in"),
        (r"${HOME#\a}", r"invalid escape '\\a'"),
        ('"a', "matching double-quote"),
        ("'a", "matching single-quote"),
        ("${A:-" * 500, "nested more than 100 deep"),
    ],
)
def test_a_malformed_or_forbidden_substitution_is_refused(text: str, problem: str) -> None:
    with pytest.raises(DockerfileError, match=problem):
        process_word(text, ENVIRONMENT)


def test_the_escape_character_is_the_files_own() -> None:
    assert process_word("C:\\dir`$HOME", ENVIRONMENT, "`") == "C:\\dir$HOME"


def test_it_is_known_which_variables_were_set_and_which_not() -> None:
    expansion = process("$HOME ${NONE:-$FILE}", ENVIRONMENT, Rules())
    assert sorted(expansion.matched) == ["FILE", "HOME"]
    assert sorted(expansion.unmatched) == ["NONE"]


@pytest.mark.parametrize(
    ("rules", "result"),
    [
        (Rules(keep_quotes=True), "'$A' \"x\" y"),
        (Rules(keep_escapes=True), "$A x \\y"),
        (Rules(plain_quotes=True), "'' \"x\" y"),
    ],
)
def test_quotes_and_escapes_stay_where_the_rules_say_so(rules: Rules, result: str) -> None:
    assert process("'$A' \"x\" \\y", {}, rules).text == result


def test_unset_variables_stay_where_the_rules_say_so() -> None:
    assert process("$A ${B} ${C:-d} $HOME", ENVIRONMENT, Rules(keep_unset=True)).text == "$A ${B} ${C:-d} /root"
