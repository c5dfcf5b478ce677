"""Dockerfiles by their grammar, mostly right: sources that are there, stages that exist, options that go together."""

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.fuzz.contexts import NAMES, PATHS, Node
from tests.fuzz.files import copies
from tests.fuzz.runs import runs
from tests.fuzz.words import ODD, OWNERS, VARIABLES, WORDS, Texts, line, many, mostly

_JSON: Texts = st.lists(
    st.sampled_from(["a", "/b", "dir", "*", "é", '\\"', "$v", "\\u00e9"]), min_size=1, max_size=3
).map(lambda words: "[" + ", ".join(f'"{word}"' for word in words) + "]")
_VALUES: Texts = st.sampled_from(VARIABLES[:42]) | WORDS
_PAIRS: Texts = many(
    st.builds("{}={}".format, st.sampled_from(["v", "w", "x", "u", "m", "PATH", "a.b", "${v:-k}"]), _VALUES)
)
_CHECKS = (
    *(
        "NONE",
        "--interval=1s CMD a",
        "--retries=2 CMD []",
        "CMD a b",
        'CMD ["a", "b"]',
        "--timeout=1m30s --retries=0 CMD a",
    ),
    *(
        "--start-period=0.5s --start-interval=2h CMD a $v",
        "--interval=0s CMD a",
        "CMD",
        "--interval=1 CMD a",
        "none",
        "cmd a",
    ),
)
_SETTINGS: Texts = st.one_of(
    line("WORKDIR", mostly(st.sampled_from(["/w", "w", "/a/../b", "..", "$v", "/link/x", "'/a b'", "/"]), WORDS)),
    line("USER", mostly(st.sampled_from(OWNERS[:6]), st.sampled_from(OWNERS))),
    line("ENV", _PAIRS),
    line("ENV", mostly(st.sampled_from(["v", "w", "x", "u", "m"]), WORDS), many(_VALUES)),
    line("LABEL", _PAIRS),
    line("LABEL", st.sampled_from(["v", "a.b"]), _VALUES),
    line(
        "ARG", many(st.sampled_from(["v", "w=1", "v=$w", "x=${v:-/a}", "z", "u=7", "m=0750", 'x="a b"', "TARGETARCH"]))
    ),
    line(
        "EXPOSE",
        many(st.sampled_from(["80", "1-3/udp", "7/${w:+tcp}", "80/TCP", "0", "8080:80", "9-9/sctp"])),
    ),
    line(
        "VOLUME", mostly(st.sampled_from(["/a", "/out /b", '["/a b", "c"]', "$v /x", "${v:-/y}"]), _JSON | many(WORDS))
    ),
    line(
        "STOPSIGNAL",
        mostly(st.sampled_from(["9", "SIGINT", "int", "RTMIN+3"]), st.sampled_from(["$w", "SIGNOT", "65", "0"])),
    ),
    line("SHELL", mostly(st.just('["/bin/sh", "-ec"]'), _JSON)),
    line("CMD", _JSON | many(WORDS)),
    line("ENTRYPOINT", _JSON | many(WORDS)),
    line("HEALTHCHECK", mostly(st.sampled_from(_CHECKS[:8]), st.sampled_from(_CHECKS), 8)),
    line("MAINTAINER", many(WORDS)),
)
_ODDITIES: Texts = st.sampled_from(
    [*["# a comment\n", "\n", "  # blanks\n", "\t\n", "   \n", "#\n"] * 2, "FRUM a\n", "RUN a\n"]
)
_HEADS: Texts = st.sampled_from(
    [
        "",
        "",
        "",
        "# escape=`\n",
        "# escape=\\\n",
        "# syntax=docker/dockerfile:1\n",
        "# check=skip=all\n\n",
        "\n# escape=`\n",
    ]
)
_GLOBALS: Texts = st.sampled_from(
    ["", "", "", "ARG v=a\n", "ARG b=base\n", "ARG w\nARG x=$v\n", "ARG v=a x=${v}b\n", "ARG TARGETARCH\n"]
)
_NAMES = ("base", "other", "last")
_BEGINNINGS = (
    "",
    "COPY . /\n",
    "COPY . /\n",
    "COPY <<a <<b /dir/\n1\na\n2\nb\n",
    "ADD *.tar *.t?z /\n",
    "COPY --link . /out\n",
)
_SCRATCH = ("scratch", "scratch", "scratch", "${none:-scratch}", "--platform=$TARGETPLATFORM scratch", "${z}scratch")


@st.composite
def dockerfiles(draw: st.DrawFn, nodes: Sequence[Node] = (), base: str = "") -> str:
    """Return a Dockerfile of one to three stages for a context, a few of them on `base`, which has busybox."""
    parts, stages = [draw(_HEADS), draw(_GLOBALS)], list[str]()
    escape = "`" if parts[0].startswith("# escape=`") else "\\"
    names = sorted({node.path for node in nodes} | {node.path.split("/")[0] for node in nodes}) or list(NAMES)
    on_base = base and draw(st.integers(0, 2)) == 0
    for number in range(draw(st.integers(1, 3))):
        source = draw(_bases(stages[::2], base if on_base else ""))
        name = draw(mostly(st.just(_NAMES[number]), st.sampled_from(["base", "Odd"]), 15))
        parts.append(draw(_dressed(f"FROM {source} AS {name}\n" if number < 2 else f"FROM {source}\n", escape)))
        usual = copies(names, stages) | _SETTINGS
        instruction = (
            st.one_of(runs(stages), runs(stages), usual, usual) if on_base else st.one_of(copies(names, stages), usual)
        )
        trigger = instruction.filter(lambda text: not text.startswith("MAINTAINER")).map("ONBUILD {}".format)
        instruction = mostly(instruction, trigger, 12)
        if source == "scratch":
            parts.append(draw(st.sampled_from(_BEGINNINGS)))
        texts = st.lists(mostly(instruction, _ODDITIES, 20), min_size=1, max_size=5)
        parts += [draw(_dressed(text, escape)) for text in draw(texts)]
        stages += [name, str(number)]
    return draw(_spoilt("".join(parts)))


def _bases(stages: Sequence[str], base: str) -> Texts:
    known = [*stages, *stages, *([base] * 3 if base else _SCRATCH)]
    return mostly(
        st.sampled_from(known), st.sampled_from(["scratch", "nowhere", "$b", "--platform=$w scratch", "base"]), 15
    )


@st.composite
def _dressed(draw: st.DrawFn, text: str, escape: str) -> str:
    """Return an instruction as others write it: small letters, tabs, lines that go on, comments between."""
    blank = draw(
        st.sampled_from(
            ["", "", "", "", " ", "\t", f" {escape}\n", f"{escape}\n  ", f" {escape}\n# why\n ", f" {escape}  \n\n"]
        )
    )
    if not blank or "<<" in text or text.lstrip()[:1] in ("", "#"):
        return text
    keyword, _, rest = text.partition(" ")
    if blank.isspace() and escape not in blank:
        return f"{blank}{keyword.lower()}{blank}{rest[:-1]}{blank}\n"
    words = rest.split(" ")
    place = draw(st.integers(0, len(words) - 1))
    return f"{keyword} " + " ".join(words[:place]) + blank + " ".join(words[place:])


@st.composite
def _spoilt(draw: st.DrawFn, text: str) -> str:
    """Return the text as it is, with other ends of lines, or with something odd in the middle of it."""
    match draw(st.integers(0, 39)):
        case 0:
            return text.replace("\n", "\r\n")
        case 1:
            return text.rstrip("\n")
        case 2:
            return "\ufeff" + text
        case 3:
            place = draw(st.integers(0, len(text)))
            return text[:place] + draw(st.sampled_from(ODD)) + text[place + draw(st.integers(0, 2)) :]
    return text


def ignore_files() -> Texts:
    """Return what gives the text of a .dockerignore, mostly none."""
    pattern = st.one_of(
        PATHS,
        st.sampled_from(NAMES).map("**/{}".format),
        st.sampled_from(NAMES).map("dir/{}".format),
        st.sampled_from(["*", "**", ".", "!", "[", "# x", "dir/**", "*/b", "/a", "Dockerfile", " a ", "[!a]*", "a\\*"]),
    )
    lines = st.lists(st.builds("{}{}\n".format, st.sampled_from(["", "", "!", "! "]), pattern), max_size=4)
    return mostly(st.just(""), lines.map("".join), 3)
