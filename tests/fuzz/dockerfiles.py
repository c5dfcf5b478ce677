"""Dockerfiles by their grammar, mostly right: sources that are there, stages that exist, options that go together."""

from hypothesis import strategies as st

from tests.fuzz.contexts import NAMES, PATHS

Texts = st.SearchStrategy[str]

STAGES = ("base", "other", "0", "1", "nowhere")
_VARIABLES = (
    "$v",
    "${v}",
    "${v:-a}",
    "${v:+a}",
    "${v#*/}",
    "${v%x}",
    "${v//a/b}",
    "${w:?none}",
    "\\$v",
    "'$v'",
    '"$v"',
)
_ODD = (" ", '"', "'", "\\", "`", "$", "${", "<<", "=", "é", "\t", "\\\n", "\x00", "[", "]", "*", "--", "#", "..")
_MODES = ("755", "0", "7777", "u=rwX,go=rX", "a+x", "g-w,o=", "u+s", "+t", "99", "rw", "")
_OWNERS = ("0", "1:2", "root", "nobody:nogroup", ":", "1:", "4294967295", "$v", "-1", "x" * 40)

WORDS: Texts = PATHS | st.sampled_from(_VARIABLES) | st.text("ab/.-é$", min_size=1, max_size=4)
_FLAGS: Texts = st.one_of(
    st.sampled_from(["--link", "--link=false"]),
    st.sampled_from(_MODES).map("--chmod={}".format),
    st.sampled_from(_OWNERS).map("--chown={}".format),
    st.builds("--exclude={}".format, PATHS),
)


def _line(keyword: str, *parts: Texts) -> Texts:
    return st.tuples(*parts).map(lambda words: " ".join([keyword, *filter(None, words)]) + "\n")


def _many(texts: Texts, least: int = 1, most: int = 3, between: str = " ") -> Texts:
    return st.lists(texts, min_size=least, max_size=most).map(between.join)


_COPY_FLAGS: Texts = _FLAGS | st.sampled_from(["--parents", "--from=base", *map("--from={}".format, STAGES)])
_ADD_FLAGS: Texts = _FLAGS | st.sampled_from(["--unpack", "--unpack=false", "--keep-git-dir"])
_JSON: Texts = st.lists(st.sampled_from(["a", "/b", "dir", "*", "é", '\\"']), min_size=2, max_size=3).map(
    lambda words: "[" + ", ".join(f'"{word}"' for word in words) + "]"
)
_PAIRS: Texts = _many(st.builds("{}={}".format, st.sampled_from(["v", "w", "PATH", "a.b"]), WORDS))
_DOCUMENT: Texts = st.builds(
    "{} <<{} {}\n{}\nEOF\n".format,
    st.sampled_from(["COPY", "ADD", "COPY --chmod=600", "ADD --chown=1"]),
    st.sampled_from(["EOF", "-EOF", "'EOF'", '"EOF"', "EOG"]),
    PATHS,
    st.sampled_from(["text", "$v ${v:-x}", "\ttext", "", "${", "EOF"]),
)
_COPIES: Texts = st.one_of(
    _line("COPY", _many(_COPY_FLAGS, 0, 2), _many(PATHS, 1, 3), PATHS),
    _line("ADD", _many(_ADD_FLAGS, 0, 2), _many(PATHS, 1, 3), PATHS),
    _line("COPY", _JSON),
    _DOCUMENT,
)
_SETTINGS: Texts = st.one_of(
    _line("WORKDIR", WORDS),
    _line("USER", st.sampled_from(_OWNERS)),
    _line("ENV", _PAIRS),
    _line("ENV", WORDS, WORDS),
    _line("LABEL", _PAIRS),
    _line("ARG", _many(st.sampled_from(["v", "w=1", "v=$w", "x=${v:-/a}", "z"]))),
    _line("EXPOSE", _many(st.sampled_from(["80", "1-3/udp", "0", "7/${v:+tcp}"]))),
    _line("VOLUME", _JSON | WORDS),
    _line("STOPSIGNAL", st.sampled_from(["9", "SIGINT", "RTMIN+3"])),
    _line("SHELL", _JSON),
    _line("CMD", _JSON | WORDS),
    _line("ENTRYPOINT", _JSON | WORDS),
    _line(
        "HEALTHCHECK",
        st.sampled_from(["NONE", "--interval=1s CMD a", "--retries=2 CMD []", "CMD a b"]),
    ),
    _line("MAINTAINER", WORDS),
)
INSTRUCTIONS: Texts = st.one_of(
    _COPIES,
    _COPIES,
    _SETTINGS,
    st.builds("ONBUILD {}".format, _COPIES | _SETTINGS),
    st.sampled_from(["# a comment\n", "\n", "FRUM a\n", "EXPOSE a\n"]),
)
_FROMS: Texts = st.one_of(
    st.just("FROM scratch\n"),
    st.just("FROM scratch AS base\n"),
    st.sampled_from(["FROM base\n", "FROM base AS other\n", "FROM --platform=$w scratch\n", "FROM nowhere\n"]),
)
_HEADS: Texts = st.sampled_from(["", "", "", "# escape=`\n", "# syntax=docker/dockerfile:1\n", "ARG v=a\n"])


@st.composite
def dockerfiles(draw: st.DrawFn) -> str:
    """Return a Dockerfile of one to three stages, now and then with something odd in the middle of it."""
    parts = [draw(_HEADS), "FROM scratch AS base\n", *draw(st.lists(INSTRUCTIONS, max_size=4))]
    for _stage in range(draw(st.integers(0, 2))):
        parts += [draw(_FROMS), *draw(st.lists(INSTRUCTIONS, max_size=4))]
    text = "".join(parts)
    if draw(st.integers(0, 9)) == 0:
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from(_ODD)) + text[place + draw(st.integers(0, 2)) :]
    return text


def ignore_files() -> Texts:
    """Return what gives the text of a .dockerignore, mostly none."""
    pattern = st.one_of(
        PATHS, st.sampled_from(NAMES).map("**/{}".format), st.sampled_from(["*", "**", ".", "!", "[", "# x"])
    )
    lines = st.lists(st.builds("{}{}\n".format, st.sampled_from(["", "", "!"]), pattern), max_size=3)
    return st.just("") | lines.map("".join)
