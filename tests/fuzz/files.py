"""COPY and ADD in all their forms."""

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.fuzz.contexts import PATHS
from tests.fuzz.words import MODES, OWNERS, PLACES, STAGES, Texts, line, many, mostly, sources

_TEXTS = ("text", "$v ${v:-x}", "\ttext", "", "${", "EOF", "a\n\tb\n  c", "\\$v '$v' \"$w\"", "a \\\nb", "# no comment")
_FROM_STAGES = (
    *(
        "/",
        "/",
        "/",
        "*",
        "*",
        "/*",
        ".",
        "[a-e]*",
        "/out*",
        "/out/",
        "/out/*",
        "out",
        "/dir",
        "/a",
        "/d*",
        "/*/*",
        "/a*",
    ),
    *("/link", "/link/b", "/deep", "/etc/passwd"),
)


def copies(names: Sequence[str], stages: Sequence[str]) -> Texts:
    """Return COPY and ADD from a context with `names`, and from stages of these names."""
    found, place = sources(names), mostly(PLACES, PATHS, 8)
    archives = [name for name in names if name.endswith(("tar", "tgz", "tbz"))] or ["*.tar"]
    flags = _flags()
    from_context = st.one_of(
        line("COPY", flags, many(found, 1, 2), place),
        line("COPY", flags, found, place),
        line("ADD", _flags(_UNPACKED), many(found, 1, 2), place),
        line("ADD", st.sampled_from(archives), place),
        line("COPY", flags, _arrays([*names, "*"])),
        st.builds(_document, st.sampled_from(["COPY", "ADD"]), flags, _DOCUMENTS, place),
    )
    if not stages:
        return from_context
    read = st.sampled_from(_FROM_STAGES)
    return st.one_of(
        from_context,
        line("COPY", _from(stages), flags, many(mostly(read, PATHS, 10), 1, 2), place),
        line("COPY", _from(stages), flags, read, place),
    )


_LINKS: Texts = st.sampled_from(["", "", "--link", "--link=false", "--link=true"])
_KINDS: Texts = mostly(st.sampled_from(MODES[:13]), st.sampled_from(MODES), 6).map("--chmod={}".format)
_OWNED: Texts = mostly(st.sampled_from(OWNERS[:6]), st.sampled_from(OWNERS), 6).map("--chown={}".format)
_EXCLUDED: Texts = mostly(
    st.sampled_from(["*.txt", "**/b", "a", "dir", "dir/*", "*", "**", "!a", "*/*"]), PATHS, 6
).map("--exclude={}".format)
_UNPACKED: Texts = st.sampled_from(["", "--unpack", "--unpack=false"])


def _flags(*more: Texts) -> Texts:
    """Return flags of COPY, each once, most of them left out."""
    return st.tuples(*(mostly(st.just(""), flag, 3) for flag in (_LINKS, _KINDS, _OWNED, _EXCLUDED, *more))).map(
        lambda flags: " ".join(filter(None, flags))
    )


def _from(stages: Sequence[str]) -> Texts:
    return mostly(st.sampled_from(stages), st.sampled_from(STAGES), 20).map("--from={}".format)


def _arrays(names: Sequence[str]) -> Texts:
    words = st.lists(st.sampled_from([*names, "/b", "dir/"]), min_size=1, max_size=3)
    return words.map(lambda words: "[" + ", ".join(f'"{word}"' for word in [*words, "/json/"]) + "]")


_DOCUMENTS = st.lists(
    st.tuples(
        st.sampled_from(["EOF", "-EOF", "'EOF'", '"EOF"', "-'x.txt'", "x.txt", "A", "/b"]), st.sampled_from(_TEXTS)
    ),
    min_size=1,
    max_size=2,
)


def _document(keyword: str, flags: str, documents: list[tuple[str, str]], place: str) -> str:
    heads = " ".join(f"<<{name}" for name, _text in documents)
    bodies = "".join(f"{text}\n{name.strip('-').strip(QUOTES)}\n" for name, text in documents)
    return f"{keyword} {flags + ' ' if flags else ''}{heads} {place}\n{bodies}"


QUOTES = "\"'"
