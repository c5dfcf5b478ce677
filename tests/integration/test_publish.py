"""A family published to docker-registry: complete or not at all, tags last, and nothing twice."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.program import Program
from tests.support.published import SHARED, SIMPLE, fill, publish, publisher, tags
from tests.support.registry import Served, registry

from brewhouse.model import CONTEXT_ANNOTATION
from brewhouse.oci.platform import Arch


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with registry(tmp_path / "registry") as found:
        yield found


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return publisher(tmp_path)


def test_nothing_moves_while_a_platform_is_missing(program: Program, served: Served) -> None:
    fill(program, Arch.AMD64)
    ran = publish(program, served)
    assert ran.status == 1
    assert "the store has no `arm64v8/tool:1.2.10-trixie`" in ran.stderr
    assert "--allow-missing arm64v8" in ran.stderr
    assert tags(program, served, "acme/tool") == []
    assert tags(program, served, "acme/amd64/tool") == []


def test_images_of_two_revisions_are_not_published_together(program: Program, served: Served) -> None:
    fill(program, Arch.AMD64)
    fill(program, Arch.ARM64V8, context="sha256:two")
    ran = publish(program, served)
    assert ran.status == 1
    assert "not from one source revision: amd64 from sha256:one; arm64v8 from sha256:two" in ran.stderr
    assert tags(program, served, "acme/tool") == []


def test_all_tags_appear_and_a_second_run_pushes_nothing(program: Program, served: Served) -> None:
    fill(program, Arch.AMD64, Arch.ARM64V8)
    first = publish(program, served, "--format", "json")
    assert first.status == 0, first.stderr
    assert {row["old"] for row in json.loads(first.stdout)} == {""}
    for repository in ("acme/tool", "acme/amd64/tool", "acme/arm64v8/tool"):
        assert tags(program, served, repository) == sorted(SIMPLE + SHARED)
    index = json.loads(program.do("registry", "manifest", served.name("acme/tool:latest")))
    platforms = [entry["platform"] for entry in index["manifests"]]
    assert platforms == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm64", "os": "linux", "variant": "v8"},
    ]
    own = program.do("registry", "manifest", served.name("acme/amd64/tool:latest"))
    annotations = json.loads(own)["annotations"]
    assert annotations["org.opencontainers.image.version"] == "1.2.10-trixie"
    assert annotations["org.opencontainers.image.base.name"] == served.name("acme/debian:trixie")
    assert annotations == {**index["manifests"][0]["annotations"], CONTEXT_ANNOTATION: "sha256:one"}
    second = publish(program, served)
    assert (second.status, second.stdout) == (0, "")
    assert "nothing to do" in second.stderr


def test_a_dry_run_says_what_would_move_and_moves_nothing(program: Program, served: Served) -> None:
    fill(program, Arch.AMD64, Arch.ARM64V8)
    publish(program, served)
    before = program.do("registry", "manifest", served.name("acme/tool:latest")).encode()
    fill(program, Arch.AMD64, Arch.ARM64V8, context="sha256:two")
    rows = json.loads(publish(program, served, "--dry-run", "--format", "json").stdout)
    assert len(rows) == 3 * len(SIMPLE + SHARED)
    latest = next(row for row in rows if row["name"] == served.name("acme/tool:latest"))
    assert latest["old"] != latest["new"]
    after = program.do("registry", "manifest", served.name("acme/tool:latest")).encode()
    assert after == before


def test_what_may_be_missing_is_recorded_in_the_index(program: Program, served: Served) -> None:
    fill(program, Arch.AMD64)
    assert publish(program, served, "--allow-missing", "arm64v8").status == 0
    index = json.loads(program.do("registry", "manifest", served.name("acme/tool:trixie")))
    assert index["annotations"] == {"dev.brewhouse.missing": "arm64v8"}
    assert tags(program, served, "acme/arm64v8/tool") == []


def test_tags_that_never_move_are_added_once(program: Program, served: Served) -> None:
    fill(program, Arch.AMD64, Arch.ARM64V8)
    assert publish(program, served, "--immutable").status == 0
    assert "nothing to do" in publish(program, served, "--immutable").stderr
    added = [tag for tag in tags(program, served, "acme/tool") if tag not in SIMPLE + SHARED]
    assert [tag.rpartition(".")[2] for tag in added] == ["1", "1"]
    assert [tag[: -len("-20261122.1")] for tag in added] == ["1.2.10", "1.2.10-trixie"]


def test_layers_are_sent_once_and_mounted_elsewhere(program: Program, served: Served) -> None:
    fill(program, Arch.AMD64, Arch.ARM64V8)
    assert publish(program, served).status == 0
    layer = json.loads(program.do("registry", "manifest", served.name("acme/amd64/tool:1")))["layers"][0]["digest"]
    assert served.blob(layer).is_file()
    for repository in ("acme/tool", "acme/amd64/tool", "acme/arm64v8/tool"):
        link = served.folder / "docker/registry/v2/repositories" / repository / "_layers/sha256"
        assert (link / layer.removeprefix("sha256:") / "link").is_file()


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (("tool:9", "--to", "r.example"), 2, "has no tag `9`"),
        (("none", "--to", "r.example"), 2, "there is no family `none`"),
        (("tool", "--to", "acme"), 2, "names no registry"),
        (("tool", "--to", "r.example", "--allow-missing", "vax"), 2, "is not an architecture"),
        (("tool", "--to", "r.example", "--git-commit", "main"), 2, "is not a commit"),
        (("tool",), 2, "--to"),
    ],
)
def test_wrong_words_are_told_before_anything_is_done(
    program: Program, words: tuple[str, ...], status: int, text: str
) -> None:
    ran = program.run("--families", program.store.with_name("families"), "publish", *words)
    assert (ran.status, text in ran.stderr) == (status, True), ran.stderr
    assert "Traceback" not in ran.stderr
