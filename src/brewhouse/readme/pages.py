"""All pages of a run: made one by one, so that one that fails does not keep the others back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from brewhouse.errors import BrewError, InputError
from brewhouse.model import Entry, Library
from brewhouse.oci.platform import Arch
from brewhouse.readme.branch import Branch
from brewhouse.readme.docs import Docs, Folder, check_docs
from brewhouse.readme.edition import Edition
from brewhouse.readme.page import Facts, make_page
from brewhouse.system.store.disk import whole_file

# Gives the library file of a repository; raises InputError where it is missing or wrong.
LibraryOf: TypeAlias = Callable[[str], Library]
# Answers what an entry's Dockerfile is FROM, in the stage that the edition looks at.
StageOf: TypeAlias = Callable[[Library, Entry], str | None]


class PageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which pages a user asks for; no `images` are all of them.

    `overrides` has a folder for each branch, whose files stand in the place of the docs' own: "amd64/hello-world/
    content.md".
    """

    edition: Edition
    branches: tuple[Branch, ...]
    namespaces: Mapping[Arch, str]
    images: tuple[str, ...] = ()
    overrides: Path | None = None


class Checkout(msgspec.Struct, frozen=True):
    """Where docker-library's files lie: docs, the folder of library files, and the last changes of files if known."""

    docs: Path
    library: Path
    commits: Mapping[str, str] | None = None


class Page(msgspec.Struct, frozen=True):
    """A page that was made, for `repo` on `branch`."""

    branch: Branch
    repo: str
    text: str


class Failure(msgspec.Struct, frozen=True):
    """A page that could not be made, and why."""

    branch: Branch
    repo: str
    error: BrewError


class LeftAlone(msgspec.Struct, frozen=True):
    """The page of an image without content.md, which people write by hand."""

    branch: Branch
    repo: str


def each_page(
    request: PageRequest, places: Sequence[Folder], facts: Facts, library_of: LibraryOf, stage_of: StageOf
) -> Iterator[Page | Failure | LeftAlone]:
    """Yield the pages, branch by branch, and what became of those that were not made.

    Raises InputError where the docs are no docs at all.
    """
    for branch in request.branches:
        own = [Folder(request.overrides / branch.name)] if request.overrides else []
        docs = Docs([*own, *places])
        check_docs(docs)
        for image in request.images or docs.images():
            namespace, _, repo = image.rpartition("/")
            asked = msgspec.structs.replace(branch, namespace=namespace) if namespace else branch
            if docs.has(f"{repo}/content.md"):
                yield attempt(repo, asked, docs, facts, library_of, stage_of)
            elif docs.has_image(repo):
                yield LeftAlone(asked, repo)
            else:
                missing = InputError(f"there is no folder {docs.path(repo)}", hint="name an image that has docs")
                yield Failure(asked, repo, missing)


def attempt(
    repo: str, branch: Branch, docs: Docs, facts: Facts, library_of: LibraryOf, stage_of: StageOf
) -> Page | Failure:
    """Return one page, or why it cannot be made."""
    try:
        library = library_of(repo)
        return Page(branch, repo, make_page(library, branch, docs, facts, lambda entry: stage_of(library, entry)))
    except BrewError as error:
        return Failure(branch, repo, error)


def page_state(page: Page, path: Path) -> Literal["new", "changed", "same"]:
    """Tell how the page differs from what is in the file."""
    try:
        return "same" if path.read_bytes() == page.text.encode() else "changed"
    except FileNotFoundError:
        return "new"


def write_page(page: Page, path: Path) -> None:
    """Write the whole page or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write(page.text.encode())
