"""A publication that breaks: before its tags move nothing is seen of it, afterwards only what is whole."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.between import Between, Refuse, between
from tests.support.program import Program
from tests.support.published import SHARED, SIMPLE, fill, publish, publisher, tags, words_of
from tests.support.registry import registry

from brewhouse.oci.platform import Arch
from brewhouse.publish.location import parse_location
from brewhouse.publish.opened import copy_image
from brewhouse.system.progress.log import Progress, Quiet
from brewhouse.system.registry.registries import open_registries
from brewhouse.system.registry.settings import Settings
from brewhouse.system.store.layout import open_layout

REPOSITORIES = ("acme/tool", "acme/amd64/tool", "acme/arm64v8/tool")
ALL_TAGS = sorted(SIMPLE + SHARED)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Between]:
    with registry(tmp_path / "registry") as behind, between(behind.domain) as found:
        yield found


@pytest.fixture
def program(tmp_path: Path) -> Program:
    program = publisher(tmp_path)
    fill(program, Arch.AMD64, Arch.ARM64V8)
    return program


def moves_tag(method: str, path: str) -> bool:
    return method == "PUT" and "/manifests/" in path and "/manifests/sha256:" not in path


def behind_first(count: int, wanted: Callable[[str, str], bool], status: int = 403) -> Refuse:
    """Return what refuses requests of a kind but for the first ones."""
    seen: list[str] = []

    def refuse(method: str, path: str) -> int:
        if not wanted(method, path):
            return 0
        seen.append(path)
        return status if len(seen) > count else 0

    return refuse


def seen_tags(program: Program, served: Between) -> list[str]:
    """Return all tags that users see, each looked through down to its last blob."""
    served.refuse = lambda *_: 0
    names = [served.name(f"{each}:{tag}") for each in REPOSITORIES for tag in tags(program, served, each)]
    folder = program.store.with_name("seen")
    with open_layout(program.store) as layout, open_registries(Settings(), {"HOME": str(folder)}) as found:
        for name in names:
            ends = parse_location(name), parse_location(f"oci:{folder}:{name}")
            copy_image(*ends, None, layout, found, Progress(Quiet()))
    return names


@pytest.mark.parametrize("count", [0, 3, 8])
def test_nothing_is_seen_of_what_breaks_before_tags_move(count: int, program: Program, served: Between) -> None:
    served.refuse = behind_first(count, lambda method, path: method == "PUT" and not moves_tag(method, path))
    ran = publish(program, served)
    assert (ran.status, "refused with 403: not now" in ran.stderr) == (1, True), ran.stderr
    assert seen_tags(program, served) == []
    assert publish(program, served).status == 0
    assert len(seen_tags(program, served)) == len(REPOSITORIES) * len(ALL_TAGS)


@pytest.mark.parametrize("count", [0, 1, 11, 23])
def test_a_break_while_tags_move_is_told_and_mended_by_the_same_command(
    count: int, program: Program, served: Between
) -> None:
    served.refuse = behind_first(count, moves_tag)
    ran = publish(program, served)
    assert (ran.status, f"{count} of 24 tags were moved" in ran.stderr) == (1, True), ran.stderr
    assert "repeat the command" in ran.stderr
    assert len(seen_tags(program, served)) == count
    served.passed.clear()
    again = publish(program, served, "--format", "json")
    assert (again.status, len(json.loads(again.stdout))) == (0, 24 - count)
    assert not any("/blobs/uploads" in request for request in served.passed)
    assert len(seen_tags(program, served)) == 24


@pytest.mark.parametrize("count", [0, 5, 20])
def test_a_kill_while_tags_move_leaves_whole_images_only(count: int, program: Program, served: Between) -> None:
    words = program.words(*words_of(program, served))
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        moved: list[str] = []

        def refuse(method: str, path: str) -> int:
            if moves_tag(method, path):
                moved.append(path)
                if len(moved) > count:
                    process.kill()
            return 0

        served.refuse = refuse
        process.wait()
    assert len(moved) > count
    seen_tags(program, served)
    assert publish(program, served).status == 0
    assert len(seen_tags(program, served)) == 24
    assert "nothing to do" in publish(program, served).stderr
