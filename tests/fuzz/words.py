"""Words of random Dockerfiles: variables with every modifier, paths that are there or are not, modes, owners."""

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.fuzz.contexts import PATHS

Texts = st.SearchStrategy[str]

STAGES = ("base", "other", "0", "1", "nowhere")
VARIABLES = (
    *("$v", "${v}", "$w", "${x}", "$PATH", "$TARGETARCH", "${z}", "$v$w", "${v}x", "a${v:-b}c"),
    *("${v:-a}", "${w-a}", "${w:-a}", "${z:-${v}}", "${v:+a}", "${w+a}", "${z:+a}", "${x:-'a b'}", '${z:-"a b"}'),
    *("${v#*/}", "${v##*/}", "${v%/*}", "${v%%/*}", "${v%x}", "${v#?}", "${v/a/x}", "${v//a/b}", "${v/\\//-}"),
    *("\\$v", "'$v'", '"$v"', '"${v:-\\"q\\"}"', "$", "$$", "a\\ b", "''", '"\\n"', "${v:?none}", "a'b'\"c\"", "\\\\"),
    *('"a  b"', "'\\''", "${w:?none}", "${z?}"),
)
ODD = (" ", '"', "'", "\\", "`", "$", "${", "<<", "=", "é", "\t", "\\\n", "\x00", "[", "]", "*", "--", "#", "..")
MODES = (
    *("755", "0644", "0", "7777", "4711", "1777", "u=rwX,go=rX", "a+x", "g-w,o=", "u+s", "+t", "go=u-w", "a=,u=rw"),
    *("99", "rw", "", "$m", "u+x,g+s"),
)
OWNERS = ("0", "1:2", "root", "nobody:nogroup", "7", "65534:0", "$u", "1:", ":", "4294967295", "$v", "-1", "x" * 40)

WORDS: Texts = PATHS | st.sampled_from(VARIABLES) | st.text("ab/.-é$", min_size=1, max_size=4)
PLACES: Texts = st.sampled_from(
    ["/", "/", "/out/", "/out", "out/", ".", "./", "/deep/er/", "/a", "dir/", "/$v/", "/${w:-x}/", "/link/", "/dir"]
)


def mostly(usual: Texts, rare: Texts, share: int = 4) -> Texts:
    """Return what gives one of `share` from `rare`."""
    return st.integers(1, share).flatmap(lambda number: rare if number == share else usual)


def line(keyword: str, *parts: Texts) -> Texts:
    """Return a line of a keyword and words; an empty word is left out."""
    return st.tuples(*parts).map(lambda words: " ".join([keyword, *filter(None, words)]) + "\n")


def many(texts: Texts, least: int = 1, most: int = 3, between: str = " ") -> Texts:
    """Return several words in one."""
    return st.lists(texts, min_size=least, max_size=most).map(between.join)


def sources(names: Sequence[str]) -> Texts:
    """Return what COPY may read: what is there by name or pattern, now and then something else."""
    known = [*names, *(f"{name[:1]}*" for name in names), *(f"*{name[-1:]}" for name in names), "."]
    known += [f"/{name}" for name in names] + [f"{name}/." for name in names] + ["[a-d]*", "*", "dir/", "?"]
    return mostly(st.sampled_from(known).map(lambda name: name.replace(" ", "\\ ")), PATHS, 8)
