"""Laws of library files: written and read again they are the same, no tag is there twice, nothing crashes."""

import re

from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.library import COMMIT, COMMON, OTHER_COMMIT

from brewhouse.errors import InputError
from brewhouse.oci.platform import Arch
from brewhouse.tag.read import read_library
from brewhouse.tag.write import write_library

KEYS = ["Maintainers", "Tags", "SharedTags", "Architectures", "GitRepo", "GitFetch", "GitCommit", "Directory", "File"]
KEYS += ["Builder", "Constraints", "arm64v8-GitCommit", "s390x-Directory", "x-File", "Other"]
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
PATH = st.from_regex(r"[a-z0-9.]{1,4}(/[a-z0-9.]{1,4}){0,2}", fullmatch=True)
VALUES = {
    "SharedTags": st.lists(TAG.map(lambda tag: f"shared-{tag}"), max_size=3).map(", ".join),
    "Architectures": st.lists(st.sampled_from(list(Arch)), max_size=4).map(", ".join),
    "GitCommit": st.sampled_from([COMMIT, OTHER_COMMIT, "a" * 64]),
    "GitFetch": st.sampled_from(["refs/heads/main", "refs/tags/v1"]),
    "Directory": PATH,
    "File": PATH,
    "Builder": st.sampled_from(["", "buildkit", "classic", "oci-import"]),
    "Constraints": st.lists(st.sampled_from(["!aufs", "xfs", "windowsservercore-ltsc2025"]), max_size=2).map(", ".join),
    "arm64v8-GitCommit": st.sampled_from(["", COMMIT, OTHER_COMMIT]),
    "s390x-Directory": st.one_of(st.just(""), PATH),
}
FIELDS = st.dictionaries(st.sampled_from(list(VALUES)), st.none()).flatmap(
    lambda fields: st.fixed_dictionaries({name: VALUES[name] for name in fields})
)


def paragraph(fields: dict[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in fields.items())


@st.composite
def library_files(draw: st.DrawFn) -> str:
    """Library files that are right, with fields in any order."""
    paragraphs = [COMMON + paragraph(draw(FIELDS))]
    for tags in draw(st.lists(st.lists(TAG, min_size=1, max_size=3), max_size=4)):
        number = len(paragraphs)
        names = ", ".join(dict.fromkeys(f"t{number}-{tag}" for tag in tags))
        paragraphs.append(f"Tags: {names}\n{paragraph(draw(FIELDS))}".rstrip("\n"))
    return "\n\n".join(text.rstrip("\n") for text in paragraphs)


@given(library_files())
def test_what_is_written_reads_back_the_same(text: str) -> None:
    once = read_library(text.encode(), "x")
    assert read_library(write_library(once).encode(), "x") == once


@given(library_files())
def test_no_tag_is_there_twice(text: str) -> None:
    entries = read_library(text.encode(), "x").entries
    tags = [tag for entry in entries for tag in entry.tags]
    assert len(tags) == len(set(tags))
    assert not set(tags) & {tag for entry in entries for tag in entry.shared_tags}


LINES = st.one_of(
    st.tuples(st.sampled_from(KEYS), st.text(max_size=20)).map(": ".join),
    st.text(max_size=30),
    st.sampled_from(["", "#", " ", "\t.", "a: b@c d", "# maintainer: x (@x)", f"GitCommit: {COMMIT}", "Tags: 1, 2"]),
)


@example(b"Maintainers: x\n\ty")
@example(b"SharedTags: a\n\tb\n\n:")
@given(st.one_of(st.binary(max_size=200), st.lists(LINES, max_size=12).map(lambda lines: "\n".join(lines).encode())))
def test_any_bytes_give_an_answer_or_located_faults(content: bytes) -> None:
    try:
        answer: object = read_library(content, "x")
    except InputError as error:
        answer = error
    if isinstance(answer, InputError):
        head, *faults = answer.message.split("\n")
        assert all(re.match(r"x:\d+: ", fault) for fault in faults or [head])
