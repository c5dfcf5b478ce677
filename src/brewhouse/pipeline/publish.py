"""What a publication puts where."""

from collections.abc import Mapping

from brewhouse.family.expand import expand, line_releases
from brewhouse.model import Entry, Family, Library
from brewhouse.publish.gather import Gatherer, Lack
from brewhouse.publish.plan import Put
from brewhouse.publish.request import PublishRequest, plan_all, stored_versions, with_source
from brewhouse.system.store.layout import Layout
from brewhouse.tag.compute import compute_library, tagged


def plan_publication(
    asked: PublishRequest, families: Mapping[str, Family], layout: Layout
) -> tuple[list[Put], list[Lack]]:
    """Return what is put where of families or images, and what is missing for it; nothing is sent.

    Raises InputError for a name that no family knows.
    """
    libraries = {repo: stored_library(families, repo, asked, layout) for repo in families}

    def base_name(repo: str, entry: Entry) -> str:
        parents = (target.parents for target in expand(families, repo) if target.directory == entry.source.directory)
        return next((names[-1] for names in parents if names), "")

    gatherer = Gatherer(layout, asked.destination, base_name, libraries.get)
    return plan_all(asked, libraries, gatherer)


def stored_library(families: Mapping[str, Family], repo: str, asked: PublishRequest, layout: Layout) -> Library:
    """Return the library file of a family, each line at the newest release that the store has an image of."""
    family = families[repo]
    versions = stored_versions(repo, layout.names())
    releases = {
        line.name: release
        for line in family.lines
        for release in reversed(line_releases(family, line.name))
        if release.version in versions
    }
    targets = [tagged(target) for target in expand(families, repo, releases)]
    return with_source(compute_library(family, targets, asked.git_commit), asked.git_repo)
