"""Brewing a tiny family: release, source, build ids, tags, all without a network."""

import hashlib
import json
from pathlib import Path

import pytest
from tests.support.families import FAMILY
from tests.support.program import Program, Ran
from tests.support.sandbox import reason

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)

SOURCES = {version: f"the source of {version}".encode() for version in ("1.2.9", "1.2.10", "1.3.0b1")}
TOML = FAMILY.replace('parents = ["debian:trixie"]', 'parents = ["scratch"]')
TEMPLATE = """FROM {{ parents[0] }}
ADD --checksum=sha256:{{ release.sha256 }} {{ release.url }} /tool.tar.xz
LABEL profile={{ profile }}
CMD ["/tool"]
"""
# Nothing listens on port 1 of the loopback.
UNREACHABLE = "http://127.0.0.1:1"


class Brewery:
    """A folder with the family `tool`, a folder of sources, and stores."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.artifacts = root / "artifacts"
        self.artifacts.mkdir()
        self.family = root / "families/tool"
        self.family.mkdir(parents=True)
        lock = {version: {"source_sha256": hashlib.sha256(content).hexdigest()} for version, content in SOURCES.items()}
        toml = TOML.replace("https://example.org", UNREACHABLE)
        for name, text in {"family.toml": toml, "versions.json": json.dumps(lock), "Dockerfile.j2": TEMPLATE}.items():
            (self.family / name).write_text(text)

    def add_source(self, version: str, content: bytes | None = None) -> None:
        (self.artifacts / f"tool-{version}.tar.xz").write_bytes(content or SOURCES[version])

    def brew(self, *words: str, store: str = "store") -> Ran:
        program = Program(self.root / store)
        places = ("--artifacts", self.artifacts, "--mirror", f"{UNREACHABLE}/debian", "--arch", "amd64")
        return program.run("--families", self.family.parent, "--progress", "plain", "brew", *places, *words)


@pytest.fixture
def brewery(tmp_path: Path) -> Brewery:
    return Brewery(tmp_path)


def lines(ran: Ran) -> list[list[str]]:
    """Return name, digest, size and time of each image that was printed."""
    assert ran.status == 0, ran.stderr
    return [line.split("  ") for line in ran.stdout.splitlines()]


def test_the_newest_release_whose_source_is_there_is_made_and_gets_all_tags(brewery: Brewery) -> None:
    brewery.add_source("1.2.9")
    ran = brewery.brew("tool:1.2")
    ((name, digest, _, _),) = lines(ran)
    assert name == "tool:1.2.9-trixie"
    assert "1.2.9 from " in ran.stderr
    assert "; not 1.2.10: " in ran.stderr
    program = Program(brewery.root / "store")
    for tag in ("1.2.9-trixie", "1.2-trixie", "trixie", "1.2.9", "1.2", "1", "latest"):
        assert program.digest(f"tool:{tag}") == digest


def test_a_second_run_makes_nothing_and_asks_nobody(brewery: Brewery) -> None:
    brewery.add_source("1.2.10")
    ((_, digest, _, _),) = lines(brewery.brew("tool:1.2"))
    (brewery.artifacts / "tool-1.2.10.tar.xz").unlink()
    again = brewery.brew("tool:1.2")
    assert [(line[1], line[3]) for line in lines(again)] == [(digest, "cached")]
    assert "1 images, to be made: none" in again.stderr


def test_an_update_takes_a_newer_release_once_its_source_is_there(brewery: Brewery) -> None:
    brewery.add_source("1.2.9")
    brewery.brew("tool:1.2")
    brewery.add_source("1.2.10")
    assert lines(brewery.brew("tool:1.2"))[0][0] == "tool:1.2.9-trixie"
    assert lines(brewery.brew("--update", "tool:1.2"))[0][0] == "tool:1.2.10-trixie"


def test_a_release_that_is_named_is_made_and_does_not_take_the_lines_tags(brewery: Brewery) -> None:
    brewery.add_source("1.2.9")
    brewery.add_source("1.2.10")
    ((_, newest, _, _),) = lines(brewery.brew("tool:1.2"))
    ((name, older, _, _),) = lines(brewery.brew("tool:1.2.9-trixie"))
    program = Program(brewery.root / "store")
    assert name == "tool:1.2.9-trixie"
    assert program.digest("tool:1.2.9") == older
    assert program.digest("tool:1.2") == newest != older


def test_the_newest_release_that_is_named_is_not_replaced_by_an_older_one(brewery: Brewery) -> None:
    brewery.add_source("1.2.9")
    ran = brewery.brew("tool:1.2.10")
    assert ran.status != 0
    assert "the source of 1.2.10 cannot be had" in ran.stderr


def test_two_stores_get_equal_digests(brewery: Brewery) -> None:
    brewery.add_source("1.2.10")
    one, two = (lines(brewery.brew("tool:1.2", store=store)) for store in ("one", "two"))
    assert one[0][1] == two[0][1]


def test_a_profile_or_a_changed_template_makes_another_image(brewery: Brewery) -> None:
    brewery.add_source("1.2.10")
    digests = {lines(brewery.brew("--profile", profile, "tool:1.2"))[0][1] for profile in ("release", "fast")}
    (brewery.family / "Dockerfile.j2").write_text(TEMPLATE + "LABEL more=1\n")
    digests.add(lines(brewery.brew("tool:1.2"))[0][1])
    assert len(digests) == 3


def test_a_source_that_is_not_the_locked_one_is_refused_by_name(brewery: Brewery) -> None:
    brewery.add_source("1.2.10", b"something else")
    ran = brewery.brew("tool:1.2")
    assert ran.status == 2
    assert "tool-1.2.10.tar.xz" in ran.stderr.splitlines()[-3]


def test_without_any_source_the_error_says_where_it_was_looked_for(brewery: Brewery) -> None:
    ran = brewery.brew("tool:1.2")
    assert ran.status == 1
    assert "error: the source of 1.2.10 cannot be had (nor that of 1 older releases)" in ran.stderr
    assert "--artifacts DIR|URL" in ran.stderr
