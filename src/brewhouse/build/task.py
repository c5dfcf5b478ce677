"""What a step is before it is carried out: what decides its layer, what it reads, and how the layer is made."""

from collections.abc import Callable
from contextlib import ExitStack

import msgspec

from brewhouse.build.cache.steps import cache_key, chain_key
from brewhouse.model import Layer
from brewhouse.system.progress.log import Step


class Reading(msgspec.Struct, frozen=True):
    """A step whose sources are at hand.

    `make` gives the layer on those below; `content` stands for what is read of stages and images, which the definition
    knows only by how they came to be, None where it reads nothing of them.
    """

    make: Callable[[tuple[Layer, ...], Step], Layer]
    content: object = None


class Task(msgspec.Struct, frozen=True):
    """A step: JSON of all that decides its layer but what is below, stages among it by their definitions.

    `read` opens the sources, of which `sources` are stages: these must have been built, and what is opened lasts until
    the stack is closed. A layer that `is_apart` does not depend on those below. What `is_volatile` reads files of the
    user's, which may change before it is carried out.
    """

    kind: str
    definition: object
    read: Callable[[ExitStack], Reading]
    sources: frozenset[int] = frozenset()
    is_apart: bool = False
    is_volatile: bool = False


def definition_key(task: Task, layers: tuple[Layer, ...]) -> str:
    """Return what the layer of a task on `layers` is known by before anything that it reads is built."""
    return cache_key(task.kind, _below(task, layers), task.definition)


def content_key(task: Task, layers: tuple[Layer, ...], reading: Reading) -> str:
    """Return what the layer is known by when it is seen what the task reads, however that came to be."""
    return cache_key(task.kind, _below(task, layers), "content", reading.content)


def wherever_key(task: Task) -> str:
    """Return what tells that a task was carried out before, on whatever layers: else no definition will be found."""
    return cache_key(task.kind, "wherever", task.definition)


def state_key(below: str, task: Task) -> str:
    """Return the definition of a root file system after a task, from that before it."""
    return cache_key("state", below, task.kind, task.is_apart, task.definition)


def _below(task: Task, layers: tuple[Layer, ...]) -> str:
    return chain_key(() if task.is_apart else layers)
