"""Copying a tree of documents and blobs: layers first, then configs, manifests, indexes, and the name last.

So whatever is seen at the target is whole, at any moment; what is there already is not sent again.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from brewhouse.oci.digest import Digest, short_id
from brewhouse.oci.document import Descriptor
from brewhouse.publish.ends import LayoutSource, Source, Target
from brewhouse.publish.tree import Tree, ordinary
from brewhouse.system.progress.log import Progress, human_size

# Enough to hide the time that requests wait, few enough to keep memory small.
_PARALLEL = 4


class Copied(msgspec.Struct, frozen=True):
    """What is at the target now, and what had to be sent for it: blobs and documents, and their bytes."""

    descriptor: Descriptor
    count_sent: int
    bytes_sent: int


def copy_tree(tree: Tree, source: Source, target: Target, progress: Progress) -> Copied:
    """Copy a tree and name it; foreign layers become ordinary ones where the target wants that.

    Raises whatever the ends raise, with nothing named then.
    """
    if not target.takes_foreign:
        tree = ordinary(tree)
    copied = put_tree(tree, source, target, progress)
    target.name(tree.descriptor, tree.raw)
    return copied


def put_tree(tree: Tree, source: Source, target: Target, progress: Progress) -> Copied:
    """Copy a tree without naming it."""
    documents = _unique(tree.walk())
    missing = [document for document in documents if not target.has_document(document.descriptor, document.blobs)]
    layers = _unique_blobs(blob for document in missing for blob in document.blobs[:-1])
    configs = _unique_blobs(document.blobs[-1] for document in missing if document.blobs)
    sent = [*_copy_blobs(layers, source, target, progress), *_copy_blobs(configs, source, target, progress)]
    for document in missing:
        target.put_document(document.descriptor, document.raw)
        sent.append(document.descriptor.size)
    return Copied(tree.descriptor, len(sent), sum(sent))


def _copy_blobs(blobs: Sequence[Descriptor], source: Source, target: Target, progress: Progress) -> list[int]:
    """Copy several blobs at a time; return the sizes of those that were not there."""
    if not blobs:
        return []
    with ThreadPoolExecutor(min(_PARALLEL, len(blobs))) as pool:
        tasks = [pool.submit(_copy_blob, blob, source, target, progress) for blob in blobs]
        try:
            return [size for task in tasks if (size := task.result()) is not None]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _copy_blob(blob: Descriptor, source: Source, target: Target, progress: Progress) -> int | None:
    with progress.step(f"{short_id(blob.digest)} {human_size(blob.size)}") as step:
        if target.has_blob(blob):
            step.cached()
            return None
        place = source.place_of(blob) if isinstance(source, LayoutSource) else None
        if place:
            step.note(f"from {place}, where the base of the image is")
        target.put_blob(blob, source, lambda done: step.advance(done, blob.size))
        return blob.size


def _unique(documents: Iterable[Tree]) -> list[Tree]:
    found: dict[Digest, Tree] = {}
    for document in documents:
        found.setdefault(document.descriptor.digest, document)
    return list(found.values())


def _unique_blobs(blobs: Iterable[Descriptor]) -> list[Descriptor]:
    found: dict[Digest, Descriptor] = {}
    for blob in blobs:
        found.setdefault(blob.digest, blob)
    return list(found.values())
