"""Source policies, as buildx names them: what a build may take, and what it takes instead."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.program import Program, Ran
from tests.support.repository import Repository
from tests.support.sandbox import reason
from tests.support.server import serving
from tests.support.store import files, make_image

from brewhouse.system.store.layout import open_layout

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    made = Program(tmp_path / "store")
    with open_layout(made.store) as layout:
        for name in ("first", "second"):
            make_image(layout, [f"acme/{name}:1"], [files(name=name)])
    return made


def build(
    program: Program, monkeypatch: pytest.MonkeyPatch, dockerfile: str, rule: Mapping[str, object], *options: str | Path
) -> Ran:
    policy = program.store.parent / "policy.json"
    policy.write_text(json.dumps({"version": 1, "rules": [rule]}))
    monkeypatch.setenv("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", str(policy))
    out = program.store.parent / "out"
    return program.run("build", "-o", out, *options, "-", stdin=dockerfile.encode())


def test_a_base_is_taken_in_the_place_of_another(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image = "docker-image://docker.io/acme"
    rule = {
        "action": "CONVERT",
        "selector": {"identifier": f"{image}/first:*"},
        "updates": {"identifier": f"{image}/second:${{1}}"},
    }
    ran = build(program, monkeypatch, "FROM acme/first:1\n", rule, "--provenance=true")
    assert ran.status == 0, ran.stderr
    assert (tmp_path / "out" / "name").read_text() == "second"
    statement = json.loads((tmp_path / "out" / "provenance.json").read_bytes())
    (taken,) = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert taken["uri"].startswith("pkg:docker/acme/second@1")


def test_a_base_that_is_denied_is_told_with_its_line(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = {"action": "DENY", "selector": {"identifier": "docker-image://*"}}
    ran = build(program, monkeypatch, "FROM acme/first:1\n", rule)
    assert ran.status == 2
    assert 'source "docker-image://docker.io/acme/first:1" denied by policy' in ran.stderr
    assert "hint: see " in ran.stderr


def test_a_file_must_have_the_checksum_of_the_policy(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serving({"/x": b"content"}) as server:
        for content, status in ((b"content", 0), (b"other", 2)):
            checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
            rule = {
                "action": "CONVERT",
                "selector": {"identifier": f"{server.url}/x"},
                "updates": {"attrs": {"http.checksum": checksum}},
            }
            ran = build(program, monkeypatch, f"FROM scratch\nADD {server.url}/x /\n", rule)
            assert ran.status == status, ran.stderr
    assert (tmp_path / "out" / "x").read_bytes() == b"content"


def test_a_context_from_git_is_pinned_to_a_commit(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repository = Repository(tmp_path / "app")
    repository.commit({"Dockerfile": "FROM scratch\nCOPY version /\n", "version": "1"})
    first = repository.git("rev-parse", "HEAD").strip()
    repository.commit({"version": "2"})
    place = f"git:///{str(repository.path).lstrip('/')}"
    rule = {
        "action": "CONVERT",
        "selector": {"identifier": place},
        "updates": {"identifier": f"{place}#{first}"},
    }
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"rules": [rule]}))
    monkeypatch.setenv("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", str(policy))
    program.do("build", "-o", tmp_path / "out", repository.url)
    assert (tmp_path / "out" / "version").read_text() == "1"


def test_a_policy_that_cannot_be_read_ends_the_build(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", "/nowhere.json")
    ran = program.run("build", "-", stdin=b"FROM scratch\nLABEL a=b\n")
    assert (ran.status, "the source policy /nowhere.json cannot be read" in ran.stderr) == (2, True)


def test_progress_for_programs_is_json_alone(program: Program) -> None:
    ran = program.run("build", "--progress=rawjson", "-t", "app", "-", stdin=b"FROM acme/first:1\nWORKDIR /made\n")
    assert ran.status == 0
    events = [json.loads(line) for line in ran.stderr.splitlines()]
    assert any(vertex["name"].endswith("WORKDIR /made") for event in events for vertex in event.get("vertexes", []))
