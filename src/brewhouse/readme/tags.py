"""The part "Supported tags and respective `Dockerfile` links", and the line of architectures.

Source: generate-dockerfile-links-partial and arches.sh in .template-helpers of docker-library/docs;
spec/library-and-readme.md sections 5 and 6.
"""

from collections.abc import Iterator, Mapping

from brewhouse.errors import InputError
from brewhouse.library import dockerfile_path, shared_tag_groups, source_of
from brewhouse.model import Entry, Library, Source
from brewhouse.oci.platform import Arch
from brewhouse.readme.branch import Branch
from brewhouse.readme.edition import Edition


def tags_text(library: Library, branch: Branch, edition: Edition) -> str:
    """Return the list of simple and shared tags with links to their Dockerfiles, or what stands for none.

    Raises InputError for a master page without tags where the edition has no words for it.
    """
    if branch.of_one_arch and edition.not_supported and not branch.entries(library):
        return edition.not_supported.format(arch=branch.arch)
    text = "".join(tag_list(library, branch, edition)).rstrip("\n")
    if branch.of_one_arch:
        words = {"repo": library.name, "arch": branch.arch}
        return text + edition.after_arch_tags.format(**words) if text else edition.no_tags_on_arch.format(**words)
    if not text and not edition.no_tags:
        raise InputError(f"`{library.name}` has no tags, and pages of {edition.name} have no words for that")
    return text or edition.no_tags


def tag_list(library: Library, branch: Branch, edition: Edition) -> Iterator[str]:
    """Yield the pieces of the list; the headings depend on shared tags of any architecture."""
    groups = shared_tag_groups(library)
    if groups:
        yield f"{edition.shared_tags_question}## Simple Tags\n\n"
    yield edition.between_tags.join(
        f"-\t{link(entry, entry.tags, branch, edition)}" for entry in branch.entries(library)
    )
    yield "\n\n"
    if not groups:
        return
    yield "## Shared Tags\n\n"
    for group in groups:
        entries = [entry for entry in group.entries if not branch.of_one_arch or branch.arch in entry.architectures]
        if entries:
            yield f"-\t{quoted(group.shared_tags)}:\n{edition.around_group}"
            for entry in entries:
                yield f"\t-\t{link(entry, entry.tags[:1], branch, edition)}\n"
            yield edition.around_group


def link(entry: Entry, tags: tuple[str, ...], branch: Branch, edition: Edition) -> str:
    """Return `tags` as a link to the Dockerfile, or without one where the host has no known form of links."""
    source = source_of(entry, branch.arch_of(entry))
    text = quoted(tags) + edition.path_in_link.format(path=dockerfile_path(source))
    url = dockerfile_url(source, edition.links)
    return f"[{text}]({url})" if url else text


def quoted(tags: tuple[str, ...]) -> str:
    """Return "`3.14`, `3`"."""
    return "`" + "`, `".join(tags) + "`"


def dockerfile_url(source: Source, links: tuple[tuple[str, str], ...]) -> str:
    """Return where people read the Dockerfile, by the first of `links` whose beginning fits, or nothing."""
    base = source.git_repo.replace("git://", "https://").removesuffix(".git")
    for beginning, form in links:
        if base.startswith(beginning):
            return form.format(
                base=base, commit=source.git_commit, path=dockerfile_path(source), fetch=source.git_fetch
            )
    return ""


def arches_text(library: Library, namespaces: Mapping[Arch, str], edition: Edition) -> str:
    """Return all architectures of the library file, each with a link to its repository if it has a namespace.

    Those without one come last: "[" sorts before "`". Raises InputError where the edition has no words for none.
    """
    arches = {arch for entry in library.entries for arch in entry.architectures}
    shown = [arch_text(arch, namespaces.get(arch, ""), library.name) for arch in arches]
    if not shown and not edition.no_arches:
        raise InputError(f"`{library.name}` has no architectures, and pages of {edition.name} have no words for that")
    return ", ".join(sorted(shown, key=lambda text: f"{text},".encode())) or edition.no_arches


def arch_text(arch: Arch, namespace: str, repo: str) -> str:
    """Return "[`arm64v8`](https://hub.docker.com/r/arm64v8/python/)", or "`arm64v8`"."""
    return f"[`{arch}`](https://hub.docker.com/r/{namespace}/{repo}/)" if namespace else f"`{arch}`"
