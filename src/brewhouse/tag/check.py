"""What bashbrew demands of a library file's values.

Source: manifest/rfc2822.go of docker-library/bashbrew; spec/library-and-readme.md section 3.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from brewhouse.errors import InputError
from brewhouse.model import Entry
from brewhouse.oci.platform import Arch
from brewhouse.tag.fault import Fault

# Where each field of a paragraph stands; "" is the paragraph's first line.
Lines: TypeAlias = dict[str, int]

_NAME = r"[^\s<>()][^<>()]*"
_WORD = r"[^\s<>()]+"
_MAINTAINER = re.compile(rf"{_NAME}(?:\s+<{_WORD}>)?\s+\(@{_WORD}\)")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FETCH = re.compile(r"refs/(?:heads|tags)/[^*?:]+")

_ARCHES = frozenset(Arch)

MAINTAINER_FORM = "write `Full Name <mail> (@github-handle)` or `Full Name (@github-handle)`, separated by commas"
TAG_FORM = "a tag is up to 128 of A-Z a-z 0-9 _ . - and begins with none of . -"
COMMIT_FORM = "write the whole commit: 40 (or 64) digits of 0-9 a-f"
FETCH_FORM = "write `refs/heads/BRANCH` or `refs/tags/TAG`, without * ? :"
ARCH_FORM = "known: " + ", ".join(Arch)


class Draft(msgspec.Struct, frozen=True):
    """An entry as it was read, with the lines its fields stand on."""

    entry: Entry
    lines: Lines

    def line(self, field: str) -> int:
        """Return the line of `field`, or the paragraph's first where the field is inherited or missing."""
        return self.lines.get(field, self.lines[""])


def parse_commit(text: str) -> str:
    """Return `text`; raises InputError where it is not the whole id of a commit."""
    if not _COMMIT.fullmatch(text):
        raise InputError(f"`{text}` is not a commit", hint=COMMIT_FORM)
    return text


def check_maintainers(draft: Draft) -> Iterator[Fault]:
    """Yield the maintainers that are not written as bashbrew wants them."""
    for maintainer in draft.entry.maintainers:
        if not _MAINTAINER.fullmatch(maintainer):
            shown = " ".join(maintainer.split())  # it may stand on several lines
            yield Fault(draft.line("Maintainers"), f"`{shown}` is not a maintainer", MAINTAINER_FORM)


def check_common(draft: Draft) -> Iterator[Fault]:
    """Yield what is wrong in the first paragraph."""
    if not draft.entry.maintainers:
        yield Fault(draft.line("Maintainers"), "the first paragraph has no `Maintainers`", MAINTAINER_FORM)
    yield from check_maintainers(draft)
    if draft.entry.tags:
        accepted = "the first paragraph is for all images: put an empty line before `Tags`"
        yield Fault(draft.line("Tags"), "`Tags` stand in the first paragraph", accepted)


def check_entry(draft: Draft) -> Iterator[Fault]:
    """Yield what is wrong in one entry, read for itself."""
    entry = draft.entry
    if not entry.tags:
        yield Fault(draft.line("Tags"), "an entry has no `Tags`", "write `Tags: 1.2.3, 1.2, 1, latest`")
    for field, tags in (("Tags", entry.tags), ("SharedTags", entry.shared_tags)):
        for tag in tags:
            if not _TAG.fullmatch(tag):
                yield Fault(draft.line(field), f"`{tag}` is not a tag", TAG_FORM)
    yield from check_source(draft)
    yield from check_overrides(draft)


def check_source(draft: Draft) -> Iterator[Fault]:
    """Yield what is wrong with the repository, the ref and the commit."""
    source = draft.entry.source
    if not source.git_repo:
        yield Fault(draft.line("GitRepo"), "an entry has no `GitRepo`", "write `GitRepo: https://HOST/REPO.git`")
    if not _FETCH.fullmatch(source.git_fetch):
        yield Fault(draft.line("GitFetch"), f"`{source.git_fetch}` is not a ref to fetch", FETCH_FORM)
    if not _COMMIT.fullmatch(source.git_commit):
        wrong = f"`{source.git_commit}` is not a commit" if source.git_commit else "an entry has no `GitCommit`"
        yield Fault(draft.line("GitCommit"), wrong, COMMIT_FORM)


def check_overrides(draft: Draft) -> Iterator[Fault]:
    """Yield the refs and commits of single architectures that are none."""
    for field, value in draft.entry.overrides.items():
        if field.endswith("-GitFetch") and not _FETCH.fullmatch(value):
            yield Fault(draft.line(field), f"`{value}` is not a ref to fetch", FETCH_FORM)
        if field.endswith("-GitCommit") and not _COMMIT.fullmatch(value):
            yield Fault(draft.line(field), f"`{value}` is not a commit", COMMIT_FORM)


def check_arches(names: Sequence[str], line: int) -> Iterator[Fault]:
    """Yield the names that are no architectures of official images."""
    for name in names:
        if name not in _ARCHES:
            yield Fault(line, f"`{name}` is not an architecture of official images", ARCH_FORM)


def check_tags(drafts: Sequence[Draft]) -> Iterator[Fault]:
    """Yield the tags that two entries claim, and the tags that are shared tags too.

    The same shared tag in several entries is what shared tags are for.
    """
    simple: dict[str, int] = {}
    for draft in drafts:
        for tag in draft.entry.tags:
            if tag in simple:
                accepted = f"a tag stands for one image; it was taken on line {simple[tag]}"
                yield Fault(draft.line("Tags"), f"tag `{tag}` is used twice", accepted)
            simple.setdefault(tag, draft.line("Tags"))
    for draft in drafts:
        for tag in draft.entry.shared_tags:
            if tag in simple:
                accepted = f"a name is simple or shared, not both; line {simple[tag]} has it in `Tags`"
                yield Fault(draft.line("SharedTags"), f"shared tag `{tag}` is also a tag", accepted)
