"""COPY and ADD: sources from the context, stages, images, URLs and the Dockerfile itself, and the layer they make.

Source: dispatchCopy of dockerfile2llb in moby/buildkit.
"""

import posixpath
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import msgspec

from brewhouse.build.files.content import Room, content_digest
from brewhouse.build.files.select import check_brought, clean_source, find_sources, has_wildcard, select
from brewhouse.build.files.walk import Choice, Selection, Tree
from brewhouse.build.graph import Folder, Origin, Scratch
from brewhouse.build.instruct import Draft, stage_destination
from brewhouse.build.site import Site
from brewhouse.build.task import Reading, Task
from brewhouse.dockerfile.giturl import parse_git
from brewhouse.dockerfile.golang import check_url
from brewhouse.dockerfile.instruction import Add, Copy
from brewhouse.dockerfile.match import PatternList
from brewhouse.errors import DockerfileError, InputError
from brewhouse.model import Image, Layer
from brewhouse.system.confine import confine
from brewhouse.system.progress.log import Step
from brewhouse.system.windows.paths import drive_source

if TYPE_CHECKING:
    from brewhouse.build.files.copy import Owner

_UNNAMED = "__unnamed__"


class Source(msgspec.Struct, frozen=True):
    """One source that was found: its name, and what is to be copied of it."""

    name: str
    items: Selection


def copy_task(site: Site, draft: Draft, instruction: Copy | Add) -> Task:
    """Return the step that COPY or ADD is: what comes from the context or from URLs is found, or fetched, now.

    A stage or an image as source is known by how it came to be first, so that nothing of it needs to be there.
    """
    check_copy(instruction)
    if site.shop.drives:
        sources = tuple(text if _is_remote(text) else drive_source(text) for text in instruction.sources)
        instruction = msgspec.structs.replace(instruction, sources=sources)
    destination = stage_destination(draft, instruction.destination)
    flags = [instruction.chown, instruction.chmod, list(instruction.exclude), msgspec.to_builtins(instruction.files)]
    is_apart = _is_apart(instruction, site)
    place = [is_apart, destination, flags]
    origin = site.origin(instruction.from_) if isinstance(instruction, Copy) else None

    def found(gathering: _Gathering) -> Reading:
        def make(layers: tuple[Layer, ...], step: Step) -> Layer:
            return _make(site, layers, (instruction, destination), gathering, step)

        return Reading(make)

    def read(opened: ExitStack) -> Reading:
        gathering = _Gathering(site, instruction, origin, opened)
        return msgspec.structs.replace(found(gathering), content=[place, gathering.digest()])

    # A name of an owner is looked up in what is below.
    depends_on_nothing = is_apart and not _has_name(instruction.chown)
    if isinstance(origin, int | Image | Scratch):
        definition = ["from", place, site.identity(origin), list(instruction.sources), _parents(instruction)]
        stages = frozenset([origin] if isinstance(origin, int) else [])
        return Task("copy", definition, read, stages, depends_on_nothing)
    with ExitStack() as opened:
        gathering = _Gathering(site, instruction, origin, opened)
    reading = found(gathering)
    return Task(
        "copy",
        [place, gathering.digest()],
        lambda _: reading,
        is_apart=depends_on_nothing,
        is_volatile=not all(map(_is_remote, instruction.sources)),
    )


def check_copy(instruction: Copy | Add) -> None:
    """Raise InputError for a COPY or ADD that cannot be carried out, whatever its sources are."""
    _check_mode(instruction)
    _check_checksum(instruction)
    _check_documents(instruction)


def _check_mode(instruction: Copy | Add) -> None:
    """Refuse a --chmod that is none before anything is looked for."""
    if instruction.chmod:
        from brewhouse.build.files.mode import parse_mode

        parse_mode(instruction.chmod)


def _check_checksum(instruction: Copy | Add) -> None:
    """Refuse a checksum of what is not fetched, in BuildKit's words."""
    if not isinstance(instruction, Add) or not instruction.checksum:
        return
    if len(instruction.sources) != 1:
        raise InputError("checksum can't be specified for multiple sources", hint="write an ADD for each")
    if not _is_remote(instruction.sources[0]):
        raise InputError("checksum requires HTTP(S) or Git sources")


def _check_documents(instruction: Copy | Add) -> None:
    """Refuse here-documents in folders, in BuildKit's words: it puts them into an empty one first."""
    for file in instruction.files:
        place = posixpath.normpath(posixpath.join("/", file.name))
        if posixpath.dirname(place) != "/":
            raise InputError(f"open {place}: no such file or directory", hint="name the document without folders")


def _is_apart(instruction: Copy | Add, site: Site) -> bool:
    """Tell whether the layer is independent of those below: --link, but with --chmod BuildKit copies as without it.

    A name on a drive of Windows is known by what is there, so that its layers always depend on those below.
    """
    return instruction.link and not instruction.chmod and not site.shop.drives


def _has_name(chown: str) -> bool:
    """Tell whether an owner must be looked up: "app", "0:staff"."""
    return any(part and not part.isdecimal() and part != "root" for part in chown.split(":", 1))


def _parents(instruction: Copy | Add) -> bool:
    return isinstance(instruction, Copy) and instruction.parents


def _make(
    site: Site, layers: tuple[Layer, ...], what: tuple[Copy | Add, str], gathering: "_Gathering", step: Step
) -> Layer:
    from brewhouse.build.files.copy import Manner, Target, manner_for_foreign
    from brewhouse.build.files.mode import parent_mode, parse_mode
    from brewhouse.build.inputs.archive import unpack_archive

    instruction, destination = what
    with ExitStack() as opened:
        mode = parse_mode(instruction.chmod) if instruction.chmod else None
        chown = _owner(site, layers, instruction, step)
        root = opened.enter_context(site.shop.blank() if _is_apart(instruction, site) else site.shop.root(layers))
        destination = root.place(destination)
        manner = Manner(chown, mode, parent_mode(instruction.chmod))
        target = Target(root.path, manner)
        for source in gathering.sources:
            target.manner = manner if source.items.is_owned else manner_for_foreign(manner)
            if gathering.unpacks(source):
                Target(root.path, Manner(chown)).make_folders(destination)
                unpack_archive(Path(source.items.source), confine(target.root, destination), chown)
            else:
                target.put(source.items, target.place(destination, source.name, is_folder=source.items.is_folder))
        for file in instruction.files:
            target.put_inline(target.place(destination, file.name, is_folder=False), file.content.encode())
    return root.layer()


def _owner(site: Site, layers: tuple[Layer, ...], instruction: Copy | Add, step: Step) -> "Owner | None":
    """Return the owner that --chown names, looked up in what is below also with --link."""
    if not instruction.chown:
        return None
    from brewhouse.build.files.owner import find_owner

    with site.shop.tree(layers) as tree:
        return find_owner(tree.root if layers else None, instruction.chown, step.note)


class _Gathering:
    """All sources of one instruction, found and, if they are URLs, fetched."""

    def __init__(self, site: Site, instruction: Copy | Add, origin: Origin | None, opened: ExitStack) -> None:
        self._site = site
        self._instruction = instruction
        self._is_context = origin is None or isinstance(origin, Folder)
        self._asked = site.shop.asked if origin is None else None
        self._fetched: set[str] = set()
        self.sources: list[Source] = []
        local = [text for text in instruction.sources if not _is_remote(text)]
        found = self._find(opened.enter_context(site.tree(origin)), local) if local else {}
        for text in instruction.sources:
            self.sources += found[text] if text in found else [self._fetch(text)]

    def digest(self) -> list[object]:
        """Return what of the sources counts for the cache."""
        shop = self._site.shop
        room = Room(shop.layout.tmp)
        rows: list[object] = []
        for source in self.sources:
            content = content_digest(source.items, shop.files, room)
            rows.append([source.name, source.items.is_folder, self.unpacks(source), content])
        return rows

    def unpacks(self, source: Source) -> bool:
        """Tell whether a source is an archive that is to be unpacked: ADD's local ones, others by --unpack."""
        if not isinstance(self._instruction, Add) or source.items.is_folder:
            return False
        wish = self._instruction.unpack
        if wish is None:
            wish = source.name not in self._fetched
        if not wish:
            return False
        from brewhouse.build.inputs.archive import is_archive

        return is_archive(Path(source.items.source))

    def _find(self, tree: Tree, texts: Sequence[str]) -> dict[str, list[Source]]:
        """Return what each text means; raises InputError for plain paths that are not there."""
        excluded = self._excluded()
        spelt = [self._spelt(tree, text) for text in texts]
        if isinstance(self._instruction, Copy) and self._instruction.parents:
            pairs = zip(texts, spelt, strict=True)
            return {text: _with_parents(tree, path, excluded, self._asked) for text, path in pairs}
        choice = Choice(excluded=excluded)
        return {
            text: [Source(name, select(tree, name, choice)) for name in names]
            for text, names in zip(texts, find_sources(tree, spelt, self._asked), strict=True)
        }

    def _excluded(self) -> PatternList | None:
        patterns = self._instruction.exclude
        try:
            return PatternList(patterns) if patterns else None
        except DockerfileError as error:
            raise InputError(
                f"invalid excludepatterns: [{' '.join(patterns)}]: {error.problem}", hint=error.hint
            ) from error

    def _spelt(self, tree: Tree, text: str) -> str:
        """Return a path as it is spelt: in a stage or an image for Windows, "/python" may mean "/Python"."""
        if not self._site.shop.drives or self._is_context:
            return text
        from brewhouse.system.windows.drive import Spelling

        return "/" + Spelling([tree.root]).find(text)

    def _fetch(self, url: str) -> Source:
        """Fetch a URL; with --checksum a file that is in the store already is taken as it is."""
        if not isinstance(self._instruction, Add):
            what = "a git ref" if parse_git(url) else "a URL"
            raise InputError(f"source can't be {what} for COPY: {url}", hint="use ADD")
        from brewhouse.build.inputs.gate import public_address
        from brewhouse.build.inputs.remote import added_repository, fetch_repository, fetch_url

        shop = self._site.shop
        repository = added_repository(url, self._instruction)
        if repository:
            with shop.progress.step(public_address(url)) as step:
                tree = Tree(fetch_repository(repository, shop.request, shop.layout, step), is_owned=False)
            return Source("", select(tree, "", Choice(excluded=self._excluded())))
        check_url(url)
        name = _name_of(url)
        path = shop.folder("add") / "content"
        with shop.progress.step(public_address(url)) as step:
            fetch_url(url, self._instruction.checksum, path, shop, step)
        self._fetched.add(name)
        return Source(name, Selection(Tree(path.parent, is_owned=False), path, Choice()))


def _name_of(url: str) -> str:
    """Return the last part of a URL's path, decoded: "http://host/a%20b/?q" is "a b".

    Raises InputError for what no file can be called.
    """
    name = posixpath.basename(unquote(urlsplit(url).path, errors="surrogateescape").rstrip("/"))
    if name == ".." or "\0" in name:
        raise InputError(f"`{url}` ends in what no file can be called", hint="fetch it with RUN")
    return name if name not in ("", ".") else _UNNAMED


def _with_parents(
    tree: Tree, text: str, excluded: PatternList | None, asked: Callable[[], Sequence[str]] | None
) -> list[Source]:
    """Return what --parents copies: all below the pivot `/./`, else below the root, that the pattern includes.

    Raises InputError for a plain path that is not there, and for the pivot's folder where `asked`, which gives the
    patterns of a whole build, does not bring it.
    """
    start, pivot, pattern = text.partition("/./")
    if not pivot:
        start, pattern = "/", text
    pattern = clean_source(pattern)
    if not has_wildcard(start) and not has_wildcard(pattern):
        find_sources(tree, [posixpath.join(start, pattern)])
    if not pattern:
        # To BuildKit an empty pattern is one that nothing matches.
        if has_wildcard(start):
            return []
        raise InputError(f'"/{clean_source(start)}": not found', hint="write --parents with something behind the pivot")
    choice = Choice(PatternList([pattern]), excluded)
    (starts,) = find_sources(tree, [start])
    if pivot and asked and not has_wildcard(start):
        check_brought(tree, clean_source(start), asked(), text)
    return [Source(name, select(tree, name, choice)) for name in starts]


def _is_remote(text: str) -> bool:
    return parse_git(text) is not None or text.startswith(("http://", "https://"))
