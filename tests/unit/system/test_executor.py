"""Work in the order of its needs, side by side where nothing speaks against it."""

import threading

import pytest

from brewhouse.system.executor import run_graph


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
