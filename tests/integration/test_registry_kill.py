"""Processes killed in the middle of a push or pull: the store stays whole, and the same command then succeeds."""

import random
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.faults import PASSWORD, USER, Registry, serving
from tests.support.program import Program
from tests.support.registry import docker_config, registry
from tests.support.store import check_store, files, make_image

from brewhouse.model import Image
from brewhouse.oci.document import MANIFEST
from brewhouse.system.store.layout import open_layout

KILLS = 8
CONTENT = random.Random(5).randbytes(2_000_000).hex()  # noqa: S311 - the same bytes each time
_WAIT_SECONDS = 30


def image(program: Program, *names: str) -> Image:
    with open_layout(program.store) as layout:
        return make_image(layout, names, [files(a="small"), files(b=CONTENT)])


def hold(held: Registry, program: Program) -> Image:
    """Put an image into the registry without a request, made in a store of its own."""
    made = image(Program(program.store.with_name("made")))
    with open_layout(program.store.with_name("made")) as layout:
        for blob in (*made.manifest.value.layers, made.manifest.value.config):
            held.put_blob(layout.blob_path(blob.digest).read_bytes())
    held.put_manifest(made.manifest.raw, MANIFEST, "1")
    return made


def environment(folder: Path, held: Registry) -> Mapping[str, str]:
    return docker_config(folder, held.domain, USER, PASSWORD)


def wait_for_bytes(folder: Path) -> int:
    """Wait until one file below `folder` has some, and return how many."""
    for _ in range(_WAIT_SECONDS * 100):
        largest = max((path.stat().st_size for path in folder.glob("*")), default=0)
        if largest:
            return largest
        time.sleep(0.01)
    pytest.fail(f"nothing arrived in {folder}")


def test_a_pull_that_was_killed_goes_on_behind_what_it_has(program: Program, tmp_path: Path) -> None:
    with serving(Registry(0)) as held:
        made = hold(held, program)
        known = environment(tmp_path, held)
        held.stalls = True
        words = program.words("pull", f"{held.domain}/x:1")
        with subprocess.Popen(words, env=known, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            assert held.stalled.wait(_WAIT_SECONDS)
            there = wait_for_bytes(program.store / "downloads" / "partial")
            process.kill()
        held.stalls = False
        held.released.set()
        assert check_store(program.store).manifests == ()
        held.ranges.clear()
        subprocess.run(words, env=known, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert max(held.ranges) >= there
    assert [entry.digest for entry in check_store(program.store).manifests] == [made.manifest.digest]
    assert list((program.store / "downloads" / "partial").iterdir()) == []


def test_a_push_that_was_killed_is_pushed_whole_the_next_time(program: Program, tmp_path: Path) -> None:
    with serving(Registry(0)) as held:
        made = image(program, f"{held.domain}/x:1")
        known = environment(tmp_path, held)
        held.stalls = True
        words = program.words("push", f"{held.domain}/x:1")
        with subprocess.Popen(words, env=known, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            assert held.stalled.wait(_WAIT_SECONDS)
            process.kill()
        held.stalls = False
        held.released.set()
        assert (held.tags, held.manifests) == ({}, {})
        check_store(program.store)
        subprocess.run(words, env=known, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert held.tags == {"1": made.manifest.digest}
        assert {blob.digest for blob in (*made.manifest.value.layers, made.manifest.value.config)} <= held.blobs.keys()


def test_kills_at_any_moment_leave_whole_stores_and_only_whole_images(program: Program, tmp_path: Path) -> None:
    chance = random.Random(9)  # noqa: S311 - moments, not secrets
    with registry(tmp_path / "registry") as served:
        name = served.name("killed:1")
        digest = image(program, name).manifest.digest
        other = Program(tmp_path / "other")
        for puller, verb in ((program, "push"), (other, "pull")):
            for _ in range(KILLS):
                words = puller.words(verb, name)
                with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                    time.sleep(chance.uniform(0.05, 0.35))
                    process.kill()
                if puller.store.exists() and (puller.store / "index.json").exists():
                    check_store(puller.store)
                if verb == "push" and puller.run("registry", "tags", name).status == 0:
                    _pull_whole(Program(tmp_path / f"check-{chance.random()}"), name, digest)
            puller.do(verb, name)
            check_store(puller.store)
        assert other.digest(name) == digest


def _pull_whole(program: Program, name: str, digest: str) -> None:
    """Pull an image whose tag can be seen."""
    ran = program.run("pull", name)
    if ran.status:
        assert "is not there" in ran.stderr  # its repository is there, and its tag is not yet
        return
    assert program.digest(name) == digest
    check_store(program.store)
