"""Work in the order of its needs, side by side where nothing speaks against it."""

import threading
from functools import partial

import pytest

from brewhouse.system.executor import Crew, Once, run_graph


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_each_node_is_worked_on_after_what_it_needs(workers: int) -> None:
    done: list[str] = []
    guard = threading.Lock()

    def work(name: str) -> int:
        with guard:
            done.append(name)
        return len(name)

    needs = {"python": {"full", "slim"}, "full": {"scm"}, "scm": {"curl"}, "curl": set(), "slim": set()}
    assert run_graph(needs, work, workers=workers) == {name: len(name) for name in needs}
    assert all(done.index(before) < done.index(name) for name, others in needs.items() for before in others)


def test_independent_nodes_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=20)
    assert run_graph({"a": set(), "b": set()}, lambda _: both.wait() >= 0, workers=2) == {"a": True, "b": True}


def test_after_an_error_nothing_new_begins() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        run_graph({0: set(), 1: {0}, 2: {1}}, work, workers=2)
    assert begun == [0]


def test_what_several_ask_for_is_made_once() -> None:
    made: list[str] = []
    asked, begun = threading.Event(), threading.Event()

    def work(name: str) -> int:
        made.append(name)
        begun.set()
        asked.wait(20)
        return len(name)

    once, found = Once(work), []
    with Crew() as crew:
        crew.begin(lambda: found.append(once.get("python")))
        begun.wait(20)
        assert "python" not in once
        asked.set()
        found.append(once.get("python"))
    assert (made, found) == (["python"], [6, 6])
    assert "python" in once


def test_what_fails_for_one_fails_for_all_who_ask() -> None:
    tries: list[int] = []

    def work(number: int) -> None:
        tries.append(number)
        raise ValueError(number)

    once = Once(work)
    for _ in range(2):
        with pytest.raises(ValueError, match="7"):
            once.get(7)
    assert tries == [7]


def test_an_error_in_a_crew_reaches_who_checks_and_nothing_new_begins() -> None:
    begun: list[str] = []

    def fail() -> None:
        raise ValueError(7)

    def work_on(crew: Crew) -> None:
        while True:
            crew.check()

    with Crew() as crew:
        crew.begin(fail)
        with pytest.raises(ValueError, match="7"):
            work_on(crew)
        crew.begin(lambda: begun.append("late"))
    assert begun == []


def test_a_crew_is_waited_for_and_who_works_in_it_is_told_of_the_end() -> None:
    ended = threading.Event()
    told: list[bool] = []

    def work() -> None:
        ended.wait(20)
        try:
            crew.check()
        except InterruptedError:
            told.append(True)

    with Crew() as crew:
        crew.begin(work)
        threading.Timer(0.05, ended.set).start()
    assert told == [True]


def test_work_may_begin_more_work_while_all_ends() -> None:
    done: list[int] = []

    def work(crew: Crew) -> None:
        for number in range(20):
            crew.begin(partial(done.append, number))

    for _ in range(200):
        with Crew(workers=2) as crew:
            crew.begin(partial(work, crew))
    assert set(done) <= set(range(20))


def test_an_error_in_a_crew_halts_what_runs_and_ends_the_block() -> None:
    halted = threading.Event()

    def fail() -> None:
        raise ValueError(7)

    def work(crew: Crew) -> None:
        crew.begin(fail)
        assert halted.wait(20)
        raise InterruptedError

    with pytest.raises(ValueError, match="7"), Crew(halted.set) as crew:
        work(crew)


def test_who_leaves_a_crew_by_an_error_halts_what_runs() -> None:
    halted = threading.Event()

    def leave(crew: Crew) -> None:
        crew.begin(halted.wait)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Crew(halted.set) as crew:
        leave(crew)
    assert halted.is_set()
