"""One page: the template with its placeholders filled.

Source: update.sh of docker-library/docs; spec/library-and-readme.md sections 2, 8 and 9.
"""

from collections.abc import Iterator, Mapping

import msgspec

from brewhouse.errors import InputError
from brewhouse.model import Library
from brewhouse.oci.platform import Arch
from brewhouse.readme.branch import Branch
from brewhouse.readme.docs import TEMPLATE, WARNING, Docs
from brewhouse.readme.edition import Compose, Edition
from brewhouse.readme.tags import arches_text, tags_text
from brewhouse.readme.variants import FromOf, Suites, variants_text

_BLANKS = " \t\r\f\v"
_RAW_FILES = "https://raw.githubusercontent.com/docker-library/docs"


class Facts(msgspec.Struct, frozen=True):
    """What all pages of a run share: the edition, who has which namespace, and the commit that last changed a file.

    `commits` has "python/logo.png" and the like; a file that it lacks is linked on the branch master.
    """

    edition: Edition
    namespaces: Mapping[Arch, str]
    commits: Mapping[str, str]
    suites: Suites


def make_page(library: Library, branch: Branch, docs: Docs, facts: Facts, from_of: FromOf) -> str:
    """Return the README.md of one image on one branch.

    Raises InputError for a required file that is missing or not UTF-8, and whatever `from_of` raises.
    """
    text = start_text(library.name, branch, docs, facts.edition)
    for field, value in field_values(library, branch, docs, facts, from_of):
        pieces = text.split(f"%%{field}%%")
        text = value.join(without_blanks(pieces) if field == "LOGO" else pieces)
    return text


def without_blanks(pieces: list[str]) -> list[str]:
    """Return the pieces between places of the logo, which takes the blanks around it on its line with it."""
    last = len(pieces) - 1
    firsts = [piece.rstrip(_BLANKS) if number < last else piece for number, piece in enumerate(pieces)]
    return [piece.lstrip(_BLANKS) if number else piece for number, piece in enumerate(firsts)]


def start_text(repo: str, branch: Branch, docs: Docs, edition: Edition) -> str:
    """Return the warning, the note on the pages of one architecture, the deprecation, and the template."""
    text = docs.whole(WARNING) + "\n"
    if branch.of_one_arch:
        text += edition.note.format(arch=branch.arch, repo=repo)
    if docs.has(f"{repo}/deprecated.md"):
        deprecated = docs.text(f"{repo}/deprecated.md")
        if edition.heading_of_deprecation == "always" or not deprecated.startswith("# "):
            text += "# **DEPRECATION NOTICE**\n\n"
        text += f"{deprecated}\n\n"
    return text + docs.whole(TEMPLATE)


def field_values(
    library: Library, branch: Branch, docs: Docs, facts: Facts, from_of: FromOf
) -> Iterator[tuple[str, str]]:
    """Yield the placeholders with their values, in the order in which they are replaced.

    The order matters: a value may hold placeholders that are replaced after it.
    """
    repo, edition = library.name, facts.edition
    required(docs, repo)
    yield "TAGS", tags_text(library, branch, edition)
    yield "ARCHES", arches_text(library, facts.namespaces, edition)
    yield "CONTENT", docs.text(f"{repo}/content.md")
    yield "VARIANT", variants_text(docs, library, branch.entries(library), facts.suites, from_of, edition)
    yield "LOGO", logo_text(docs, repo, facts.commits)
    for compose in edition.composes:
        yield from compose_values(docs, repo, compose, facts.commits)
    yield "LICENSE", license_text(docs, repo)
    yield "ISSUES", docs.own_or_common(repo, "issues.md")
    yield "GET-HELP", docs.own_or_common(repo, "get-help.md")
    yield "MAINTAINER", docs.text(f"{repo}/maintainer.md")
    yield "IMAGE", branch.image(repo)
    yield "REPO", repo
    yield "GITHUB-REPO", docs.text(f"{repo}/github-repo")


def required(docs: Docs, repo: str) -> None:
    """Raise InputError where a file is missing that every image must have."""
    for name in ("content.md", "github-repo", "maintainer.md"):
        if not docs.has(f"{repo}/{name}"):
            raise InputError(
                f"{docs.path(f'{repo}/{name}')} is missing", hint="every image's folder must have this file"
            )


def logo_text(docs: Docs, repo: str, commits: Mapping[str, str]) -> str:
    """Return the picture, as it was at the last commit that changed it; a png goes before an svg."""
    for name, query in (("logo.png", ""), ("logo.svg", "?sanitize=true")):
        if docs.has(f"{repo}/{name}"):
            return f"![logo]({raw_url(f'{repo}/{name}', commits)}{query})"
    return ""


def raw_url(path: str, commits: Mapping[str, str]) -> str:
    """Return where the file itself is to be had, as it was at its last change."""
    return f"{_RAW_FILES}/{commits.get(path) or 'master'}/{path}"


def compose_values(docs: Docs, repo: str, compose: Compose, commits: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the words about a compose file and the file itself in a fence; empty where the image has none."""
    path = f"{repo}/{compose.file}"
    here = docs.has(path)
    yield compose.field, docs.own_or_common(repo, compose.text) if here else ""
    yield compose.yaml_field, f"```yaml\n{docs.text(path)}\n```" if here else ""
    if compose.url_field:
        yield compose.url_field, raw_url(path, commits) if here else ""


def license_text(docs: Docs, repo: str) -> str:
    """Return the image's licence and the words that all images share, with their own newlines before them."""
    own = docs.text(f"{repo}/license.md") if docs.has(f"{repo}/license.md") else ""
    return f"\n\n# License\n\n{own}\n\n{docs.own_or_common(repo, 'license-common.md')}" if own else ""
