"""The stages of one build, each built when somebody first needs its files.

A step that reads a stage is looked up by the stage's definition first: for what the cache has, no stage is needed. As
soon as it lacks something, the stages that are certainly needed are built ahead, in threads.
Source: solver/edge.go of moby/buildkit.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from graphlib import TopologicalSorter

import msgspec

from brewhouse.build.cache.steps import StepCache, chain_key
from brewhouse.build.graph import Plan
from brewhouse.build.instruct import Draft, Scope
from brewhouse.build.site import Site
from brewhouse.build.stage import Outline, Work, describe, outline_stage
from brewhouse.build.task import Task, content_key, definition_key, state_key, wherever_key
from brewhouse.build.workshop import Workshop
from brewhouse.errors import located
from brewhouse.model import Image, Layer
from brewhouse.system.executor import Crew, Once
from brewhouse.system.store.snapshot import image_layers

# Stages that stand on each other so deep are not left to recursion.
_DEEPEST = 20


class _Stage(msgspec.Struct, frozen=True):
    """A stage, and what its steps work with."""

    outline: Outline
    site: Site


class Stages:
    """Outlines, definitions and layers of stages by their indexes, each made once."""

    def __init__(self, shop: Workshop, plans: Mapping[int, Plan], scope: Scope, escape: str, crew: Crew) -> None:
        """Build nothing yet."""
        self._shop = shop
        self._plans = plans
        self._scope = scope
        self._escape = escape
        self._crew = crew
        self._stages = Once(self._open)
        self._tasks = Once(self._describe)
        self._definitions = Once(self._define)
        self._built = Once(self._build)
        self._recalled = Once(self._recall)
        # Each stage behind those that it needs: files may have many, and recursion has a limit.
        self._order = tuple(TopologicalSorter({index: plan.needs for index, plan in plans.items()}).static_order())
        self._depths: dict[int, int] = {}
        for index in self._order:
            self._depths[index] = 1 + max((self._depths[needed] for needed in plans[index].needs), default=0)
            self._stages.get(index)
        self._wanted_anew = self._with_readers(
            index for index, plan in plans.items() if plan.name in shop.request.no_cache_stages
        )
        self._begun: set[int] = set()
        self._entered: list[int] = []
        self._looks_ahead = False
        self._changed: set[int] = set()

    def draft(self, index: int) -> Draft:
        """Return the image that a stage is, without building it."""
        return self._stages.get(index).outline.draft

    def definition(self, index: int) -> str:
        """Return what a stage's root file system is known by, without building it."""
        for needed in self._first(
            index, lambda stage: [n for n in self._plans[stage].needs if n not in self._definitions]
        ):
            self._definitions.get(needed)
        return self._definitions.get(index)

    def layers(self, index: int) -> tuple[Layer, ...]:
        """Return the layers of a stage, base first; it is built if it was not."""
        if self._depths[index] > _DEEPEST and index not in self._built:
            for needed in self._first(index, self._certain):
                self._built.get(needed)
        return self._built.get(index)

    def begin(self, indexes: Iterable[int]) -> None:
        """Let threads build stages that will be needed."""
        for index in indexes:
            if index not in self._begun:
                self._begun.add(index)
                self._crew.begin(partial(self.layers, index))

    def show_skipped(self) -> None:
        """Show the steps of stages that nobody needed as found, which in effect they are.

        For an export of all steps, those that the cache has are looked up.
        """
        for index in self._order:
            if index in self._built:
                continue
            for work in self._stages.get(index).outline.works:
                self._show_found(work)
            if self._shop.request.recalls:
                self._recalled.get(index)

    def _open(self, index: int) -> _Stage:
        plan = self._plans[index]
        below = self.draft(plan.base) if isinstance(plan.base, int) else None
        outline = outline_stage(plan, below, self._scope, self._shop.request.platform, self._escape)
        return _Stage(outline, Site(self._shop.of_stage(plan.name), outline.origins, self))

    def _describe(self, place: tuple[int, int]) -> Task:
        stage, work = self._find(place)
        with located(work.instruction.location):
            return describe(stage.site, work)

    def _find(self, place: tuple[int, int]) -> tuple[_Stage, Work]:
        index, number = place
        stage = self._stages.get(index)
        return stage, stage.outline.works[number]

    def _define(self, index: int) -> str:
        base = self._plans[index].base
        state = self.definition(base) if isinstance(base, int) else chain_key(self._layers_below(index))
        for number in range(len(self._stages.get(index).outline.works)):
            state = state_key(state, self._tasks.get((index, number)))
        return state

    def _layers_below(self, index: int) -> tuple[Layer, ...]:
        base = self._plans[index].base
        if isinstance(base, int):
            return self.layers(base)
        return tuple(image_layers(base)) if isinstance(base, Image) else ()

    def _build(self, index: int) -> tuple[Layer, ...]:
        outline = self._stages.get(index).outline
        self._entered.append(index)
        if self._looks_ahead:
            self._look_ahead(index)
        plan, layers = self._plans[index], self._layers_below(index)
        if isinstance(plan.base, Image):
            with located(plan.stage.from_.location):
                self._shop.request.need_image(plan.base)
        for number, work in enumerate(outline.works):
            self._crew.check()
            with located(work.instruction.location):
                layer, is_new = self._layer((index, number), layers)
            if is_new:
                # On another layer no later step is found by its definition.
                self.begin(source for later in outline.works[number + 1 :] for source in outline.stages(later))
            layers += (layer,)
        return layers

    def _look_ahead(self, index: int) -> None:
        """Let threads find out which stages the steps of a stage certainly need, and build them."""
        outline = self._stages.get(index).outline
        readers: dict[frozenset[int], list[int]] = {}
        for number, work in enumerate(outline.works):
            if sources := outline.stages(work):
                readers.setdefault(sources, []).append(number)
        for numbers in readers.values():
            self._crew.begin(partial(self._look, index, numbers))

    def _look(self, index: int, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.begin(self._missing((index, number)))

    def _missing(self, place: tuple[int, int]) -> frozenset[int]:
        """Return the stages that a step reads if they are certainly needed for it, else none."""
        task = self._tasks.get(place)
        cache = self._stages.get(place[0]).site.shop.cache
        return frozenset() if self._are_sure(task.sources) and cache.knows(wherever_key(task)) else task.sources

    def _certain(self, index: int) -> list[int]:
        """Return the stages that a stage certainly needs, and that are not built."""
        base, outline = self._plans[index].base, self._stages.get(index).outline
        found = {base} if isinstance(base, int) else set()
        for number, work in enumerate(outline.works):
            if outline.stages(work):
                found |= self._missing((index, number))
        return [needed for needed in found if needed not in self._built]

    def _first(self, index: int, needs: Callable[[int], Iterable[int]]) -> list[int]:
        """Return what a stage needs, in the sense of `needs`, each behind what it needs itself."""
        found: dict[int, None] = {}
        way, left = [index], [iter(needs(index))]
        while way:
            needed = next(left[-1], None)
            if needed is None:
                found[way.pop()] = None
                left.pop()
            elif needed not in found:
                way.append(needed)
                left.append(iter(needs(needed)))
        return [needed for needed in found if needed != index]

    def _with_readers(self, indexes: Iterable[int]) -> set[int]:
        """Return stages with all that stand on them or read them."""
        found = set(indexes)
        for index in self._order:
            if not found.isdisjoint(self._plans[index].needs):
                found.add(index)
        return found

    def _layer(self, place: tuple[int, int], layers: tuple[Layer, ...]) -> tuple[Layer, bool]:
        """Return the layer of a step, and whether it is new."""
        stage, work = self._find(place)
        task = self._current(place)
        found = self._known(stage.site.shop.cache, task, layers)
        if found:
            self._show_found(work)
            return found, False
        if not self._looks_ahead:
            self._looks_ahead = True
            for index in tuple(self._entered):
                self._look_ahead(index)
        if task.sources:
            self.begin(sorted(task.sources)[1:])
            for source in sorted(task.sources):
                self.layers(source)
            task = self._current(place)
        return self._carry_out(place, task, layers)

    def _current(self, place: tuple[int, int]) -> Task:
        """Return a step by what it reads now: files of the user's may have changed since the stage was defined.

        The definition then tells of what is not in the stage, so that nothing may be recorded by it.
        """
        was_known = place in self._tasks
        task = self._tasks.get(place)
        if was_known and task.is_volatile:
            former, task = task, self._describe(place)
            if task.definition != former.definition:
                self._changed |= self._with_readers([place[0]])
            self._tasks.put(place, task)
        return task

    def _known(self, cache: StepCache, task: Task, layers: tuple[Layer, ...]) -> Layer | None:
        """Return the layer that the cache has by a step's definition."""
        return cache.find(definition_key(task, layers)) if self._are_sure(task.sources) else None

    def _carry_out(self, place: tuple[int, int], task: Task, layers: tuple[Layer, ...]) -> tuple[Layer, bool]:
        """Return the layer of a step whose sources are built, and whether it is new: their content may be known."""
        stage, work = self._find(place)
        shop = stage.site.shop
        with shop.progress.step(work.label) as step, ExitStack() as opened:
            reading = task.read(opened)
            keys = [] if reading.content is None else [content_key(task, layers, reading)]
            found = next(filter(None, map(shop.cache.find, keys)), None)
            if found:
                step.cached()
            layer = found or reading.make(layers, step)
        if self._are_sure(task.sources, anew=True):
            keys += [definition_key(task, layers), *([wherever_key(task)] if task.sources else [])]
        shop.keep(keys, layer)
        return layer, not found

    def _show_found(self, work: Work) -> None:
        with self._shop.progress.step(work.label) as step:
            step.cached()

    def _are_sure(self, indexes: Iterable[int], *, anew: bool = False) -> bool:
        """Tell whether the definitions of stages say what is in them: not where --no-cache-filter wants another result.

        Once that is built, `anew`, it is what the definition stands for from now on.
        """
        unsure = self._changed if anew else self._changed | self._wanted_anew
        return unsure.isdisjoint(indexes)

    def _recall(self, index: int) -> tuple[Layer, ...] | None:
        """Return the layers of a stage as far as the cache has them, None where it lacks one."""
        base = self._plans[index].base
        if isinstance(base, int):
            below = self.layers(base) if base in self._built else self._recalled.get(base)
        else:
            below = self._layers_below(index)
        cache = self._stages.get(index).site.shop.cache
        for number in range(len(self._stages.get(index).outline.works)):
            found = below is not None and self._known(cache, self._tasks.get((index, number)), below)
            below = (*below, found) if below is not None and found else None
        return below
