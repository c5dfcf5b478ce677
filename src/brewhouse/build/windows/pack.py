r"""Files of C:\Python as a layer of Windows."""

from collections.abc import Iterator, Mapping

from brewhouse.build.layer import Member, pack_members
from brewhouse.build.windows.tree import PREFIX, Tree
from brewhouse.errors import BrewError
from brewhouse.model import Layer
from brewhouse.system.archive.tar import SECOND_NS, Entry
from brewhouse.system.store.layout import Layout
from brewhouse.system.windows.entries import root_entries, windows_entry
from brewhouse.system.windows.lint import lint_layer

_FOLDER = PREFIX.removeprefix("C:\\")


def pack_tree(tree: Tree, layout: Layout) -> Layer:
    r"""Return the layer that holds the tree at C:\Python; raises BrewError where Windows would refuse it."""
    members = list(_members(tree))
    faults = list(lint_layer(member.entry for member in members))
    if faults:
        raise BrewError(f"Windows would refuse this layer: {faults[0]}")
    return pack_members(members, layout)


def _members(tree: Tree) -> Iterator[Member]:
    """Yield the entries, sorted, each folder before what is in it."""
    mtime_ns = tree.epoch * SECOND_NS
    yield from map(Member, root_entries(mtime_ns))
    folders = {parent for path in tree.files for parent in _parents(f"{_FOLDER}/{path}")}
    files = {f"{_FOLDER}/{path}": content for path, content in tree.files.items()}
    for name in sorted(folders | files.keys()):
        if name in folders:
            yield Member(windows_entry(name, "directory", mtime_ns=mtime_ns))
        else:
            yield Member(_file(name, files, mtime_ns), files[name])


def _file(name: str, files: Mapping[str, bytes], mtime_ns: int) -> Entry:
    return windows_entry(name, "file", mtime_ns=mtime_ns, size=len(files[name]))


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
