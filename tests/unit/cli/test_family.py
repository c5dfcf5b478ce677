import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.families import FAMILY, tiny_files
from tests.support.program import Program

from brewhouse.cli.main import cli


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture
def families(tmp_path: Path) -> Path:
    """Return a folder with the family `tool`."""
    folder = tmp_path / "families"
    (folder / "tool").mkdir(parents=True)
    for name, content in tiny_files().items():
        (folder / "tool" / name).write_bytes(content)
    return folder


def test_tags_lists_an_image_a_line_where_nobody_looks(families: Path) -> None:
    lines = call("--families", families, "tags", "tool").stdout.splitlines()
    assert lines[1].split("\t") == [
        "1.2/trixie",
        "1.2.10-trixie, 1.2-trixie, 1-trixie, trixie",
        "1.2.10, 1.2, 1, latest",
        "amd64, arm64v8",
    ]


def test_tags_as_json_is_one_array(families: Path) -> None:
    rows = json.loads(call("--families", families, "tags", "tool", "--format", "json").stdout)
    assert rows[1] == {
        "tags": ["1.2.10-trixie", "1.2-trixie", "1-trixie", "trixie"],
        "shared_tags": ["1.2.10", "1.2", "1", "latest"],
        "architectures": ["amd64", "arm64v8"],
        "directory": "1.2/trixie",
    }


def test_tags_of_an_architecture_are_those_of_its_images() -> None:
    rows = json.loads(call("tags", "python", "--arch", "s390x", "--format", "json").stdout)
    assert rows
    assert all("s390x" in row["architectures"] and "bookworm" not in row["directory"] for row in rows)


def test_render_writes_what_differs_and_then_nothing(families: Path, tmp_path: Path) -> None:
    words = ("--families", families, "render", "tool", "--out", tmp_path / "out")
    assert call(*words).stdout == "new 1.2/trixie/Dockerfile\nnew 1.3-rc/trixie/Dockerfile\n"
    assert (tmp_path / "out/1.2/trixie/Dockerfile").read_text() == "FROM debian:trixie\nENV VERSION=1.2.10\n"
    assert call(*words).stdout == ""


def test_render_check_writes_nothing_and_fails_where_something_would_change(families: Path, tmp_path: Path) -> None:
    words = ("--families", families, "render", "tool", "--out", tmp_path / "out")
    before = call(*words, "--check")
    assert before.exit_code == 1
    assert "new 1.2/trixie/Dockerfile" in before.stdout
    assert not (tmp_path / "out").exists()
    call(*words)
    assert call(*words, "--check").exit_code == 0


@pytest.mark.parametrize(
    ("words", "line", "hint"),
    [
        (["tags", "pyhton"], "there is no family `pyhton`", "did you mean `python`"),
        (["brew", "pyhton:3.13"], "there is no family `pyhton`", "did you mean `python`"),
        (["brew", "python:3.99-slim"], "python has no version `3.99`", "its lines: 3.15-rc, 3.14"),
        (["brew", "python:3.13-slin"], "python 3.13 has no variant `slin`", "`slim`"),
        (["brew", "debian:trixi"], "debian has no tag `trixi`", "`trixie`"),
        (["brew", "--arch", "x86", "debian"], "`x86` is not an architecture", "amd64"),
        (["brew", "--arch", "s390x", "debian:bookworm"], "debian:bookworm is not made for s390x", "it is for: amd64"),
        (["brew", "--base-registry", "x", "python:3.13-windowsservercore"], "`x` names no registry", "NAMESPACE"),
        (
            ["brew", "python:3.13-alpine"],
            "-alpine3.24 is built from alpine:3.24: there is no family `alpine`",
            "known: ",
        ),
        (["brew", "--artifacts", "/nowhere", "python:3.13"], "--artifacts /nowhere: there is no such folder", "URL"),
        (["brew", "Python:3"], "is not an image reference", "lower case"),
    ],
)
def test_wrong_input_is_one_line_with_status_2_and_an_untouched_store(
    words: list[str], line: str, hint: str, tmp_path: Path
) -> None:
    ran = Program(tmp_path / "store").run(*words)
    assert ran.status == 2
    error, _, mend = ran.stderr.partition("\n")
    assert error.startswith("error: ")
    assert line in error
    assert hint in mend
    assert ran.stdout == ""
    assert not (tmp_path / "store").exists()


def test_a_broken_family_is_one_line_with_file_and_key(families: Path, tmp_path: Path) -> None:
    (families / "tool/family.toml").write_text(FAMILY.replace("aliases", "alias", 1))
    ran = Program(tmp_path / "store").run("--families", families, "brew", "tool:1.2")
    assert ran.status == 2
    assert f"error: {families}/tool/family.toml, lines[1]: " in ran.stderr
    assert "did you mean `aliases`" in ran.stderr
    assert not (tmp_path / "store").exists()


def test_experimental_images_are_tagged_only_where_they_are_asked_for(tmp_path: Path) -> None:
    program = Program(tmp_path / "store")
    assert "nanoserver" not in program.do("tags", "python")
    assert "3.13-nanoserver-ltsc2022" in program.do("tags", "--experimental", "python")
    assert "nanoserver" not in program.do("library", "write", "python", "--git-commit", "0" * 40)
