"""README pages, of docker-library's images and of our own families."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from brewhouse.model import Entry, Family, Library
from brewhouse.pipeline.family import family_library, family_targets
from brewhouse.readme.docs import Folder
from brewhouse.readme.page import Facts
from brewhouse.readme.pages import Checkout, Failure, LeftAlone, Page, PageRequest, each_page
from brewhouse.readme.variants import Suites
from brewhouse.system.network.froms import FromsOf
from brewhouse.system.network.git import last_changes
from brewhouse.tag.check import parse_commit
from brewhouse.tag.folder import LibraryFolder


def make_pages(
    request: PageRequest, checkout: Checkout, froms_of: FromsOf, environment: Mapping[str, str]
) -> Iterator[Page | Failure | LeftAlone]:
    """Yield the README pages of images, and what became of those that could not be made."""
    edition = request.edition
    folder = LibraryFolder(checkout.library, clean_directories=edition.clean_directories)
    commits = checkout.commits
    if commits is None:
        # Not in a git checkout: the files are linked on the branch master, as docker-library/docs does it.
        commits = last_changes(checkout.docs, edition.linked_files(), environment) or {}
    facts = Facts(edition, request.namespaces, commits, Suites(folder.get("debian"), folder.get("ubuntu")))
    if len(request.images) != 1:
        froms_of.prepare(folder.readable(request.images or folder.names()))

    def stage_of(library: Library, entry: Entry) -> str | None:
        stages = froms_of.froms(library, entry, entry.architectures[0]).stages
        return edition.choose_stage(stages)

    yield from each_page(request, [Folder(checkout.docs)], facts, folder.need, stage_of)


def published_library(families: Mapping[str, Family], repo: str, git_repo: str, git_commit: str) -> Library:
    """Return the library file of a family whose Dockerfiles are published in `git_repo` (its own if empty).

    Raises InputError for a family that is not there, and for a commit that is none.
    """
    family = families.get(repo)
    if family and git_repo:
        replace = msgspec.structs.replace
        common = replace(family.common, source=replace(family.common.source, git_repo=git_repo))
        families = {**families, repo: replace(family, common=common)}
    return family_library(families, repo, parse_commit(git_commit))


def make_family_pages(
    families: Mapping[str, Family], folders: Sequence[Path], request: PageRequest, library_of: Callable[[str], Library]
) -> Iterator[Page | Failure | LeftAlone]:
    """Yield the README pages of families from the texts in their folders, of which later ones count first."""
    places = [place for root in reversed(folders) for place in (Folder(root, "readme"), Folder(root / "readme"))]
    bases = {
        (repo, target.tags[0]): target.parents[-1] if target.parents else "scratch"
        for repo in families
        for target in family_targets(families, repo)
    }
    suites = Suites(family_library(families, "debian") if "debian" in families else None, None)
    facts = Facts(request.edition, request.namespaces, {}, suites)

    def stage_of(library: Library, entry: Entry) -> str:
        return bases[library.name, entry.tags[0]]

    yield from each_page(request, places, facts, library_of, stage_of)
