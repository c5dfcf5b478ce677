"""The part "Image Variants".

Source: variant.sh in .template-helpers of docker-library/docs; spec/library-and-readme.md section 7.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from brewhouse.model import Entry, Library
from brewhouse.readme.docs import HELPERS, Docs
from brewhouse.readme.edition import Edition

# Answers for an entry what its Dockerfile is FROM, in the stage that the edition looks at; None where it has no FROM.
FromOf: TypeAlias = Callable[[Entry], str | None]

_NOT_DEBIAN_SUITES = re.compile("stable|slim|backports|experimental|testing")
_NOT_UBUNTU_SUITES = re.compile("devel|latest|[0-9]")
_LARGE_BUILDPACK_DEPS = re.compile(r"buildpack-deps:[^-]*")
# Repositories whose tags are suites themselves.
_SUITE_REPOS = ("debian", "ubuntu")


def variants_text(
    docs: Docs, library: Library, entries: Sequence[Entry], suites: "Suites", from_of: FromOf, edition: Edition
) -> str:
    """Return the part with its own newlines before it, or nothing where no tag of `entries` has a variant's text."""
    tags = [tag for entry in entries for tag in entry.tags]
    sections = "".join(f"\n{text}\n" for text in variant_sections(docs, library.name, tags))
    if not sections:
        return ""
    about_base = base_text(docs, library, from_of)
    if about_base is None:
        return ""
    about_suites = "".join(suites.texts(docs, library.name, tags))
    defaults = about_suites + about_base if edition.suites_first else about_base + about_suites
    return f"\n\n{docs.own_or_common(library.name, 'variant.md')}\n{defaults}{sections}".rstrip("\n")


def variant_sections(docs: Docs, repo: str, tags: Sequence[str]) -> Iterator[str]:
    """Yield the texts of the variants, in the order of the first tag that has each.

    For a tag the first file decides that exists, the image's own before the common ones: one that was used already
    prints nothing and ends the search, an empty one switches the variant off.
    """
    own, common = docs.variants(repo), docs.variants(HELPERS)
    used = set()
    for tag in tags:
        path = find_variant(tag, own) or find_variant(tag, common)
        if path and path not in used:
            used.add(path)
            if not docs.is_empty(path):
                yield docs.text(path)


def find_variant(tag: str, paths: Mapping[str, str]) -> str:
    """Return the path that `paths` has for a tag: for the whole tag, else its last part, else its last but one.

    "2.7-windowsservercore-1809" asks for itself, "1809" and "windowsservercore"; a tag without dash only for itself.
    """
    before, _, last = tag.rpartition("-")
    return paths.get(tag) or paths.get(last) or (paths.get(before.rpartition("-")[2], "") if before else "")


def base_text(docs: Docs, library: Library, from_of: FromOf) -> str | None:
    """Return the words about the large buildpack-deps images, if an entry of any architecture is built from one.

    A Dockerfile without a FROM before that gives None: the script of docker-library/docs ends there.
    """
    for entry in library.entries:
        image = from_of(entry)
        if image is None:
            return None
        if _LARGE_BUILDPACK_DEPS.fullmatch(image):
            return f"\n{docs.text(f'{HELPERS}/variant-default-buildpack-deps.md')}\n"
    return ""


class Suites:
    """The names of releases that Debian's and Ubuntu's library files have, whatever the architecture."""

    def __init__(self, debian: Library | None, ubuntu: Library | None) -> None:
        """Take the names from the two library files; without a file there are none.

        Of Debian the first tag of each entry counts, of Ubuntu all; tags that name no release are left out.
        """
        firsts = [entry.tags[0] for entry in debian.entries] if debian else []
        everything = [tag for entry in ubuntu.entries for tag in (*entry.tags, *entry.shared_tags)] if ubuntu else []
        self.debian = [tag for tag in firsts if not _NOT_DEBIAN_SUITES.search(tag)]
        self.ubuntu = [tag for tag in everything if not _NOT_UBUNTU_SUITES.search(tag)]

    def texts(self, docs: Docs, repo: str, tags: Sequence[str]) -> Iterator[str]:
        """Yield the words about suites in tags, Debian's first; the suites' own repositories have none."""
        if repo in _SUITE_REPOS:
            return
        # Dashes on both sides make one test of a suite at the beginning, at the end, inside, and alone.
        haystack = "\n".join(f"-{tag}-" for tag in tags)
        for suites, name in ((self.debian, "debian"), (self.ubuntu, "ubuntu")):
            found = sorted({suite for suite in suites if f"-{suite}-" in haystack}, key=str.encode)
            if found:
                text = docs.text(f"{HELPERS}/variant-default-{name}.md")
                lines = [line.replace("%%DEB-SUITES%%", alternatives(found), 1) for line in text.split("\n")]
                yield "\n{}\n".format("\n".join(lines))


def alternatives(words: Sequence[str]) -> str:
    """Return "a", "a or b", or "a, b, or c"."""
    *firsts, last = words
    if not firsts:
        return last
    return f"{firsts[0]} or {last}" if len(firsts) == 1 else f"{', '.join(firsts)}, or {last}"
