"""What entries are built from: through git, or from a file of facts."""

from pathlib import Path

import pytest
from tests.support.library import COMMON, library
from tests.support.repository import Repository

from brewhouse.dockerfile.froms import SCRATCH
from brewhouse.errors import FetchError, InputError
from brewhouse.oci.platform import Arch
from brewhouse.system.network.froms import GitFroms, open_froms, read_facts
from brewhouse.system.network.git import GitCache


def test_dockerfiles_are_read_at_their_commits_and_per_architecture(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "upstream")
    commit = repository.commit({"3.14/Dockerfile": "FROM debian:trixie", "win/Dockerfile": "FROM windows"})
    common = COMMON + f"GitRepo: {repository.url}\nGitCommit: {commit}\n"
    python = library(
        "python",
        "Tags: 1\nArchitectures: amd64, windows-amd64\nDirectory: ./3.14/\nwindows-amd64-Directory: win",
        "Tags: 2\nDirectory: gone",
        "Tags: 3\nBuilder: oci-import\nFile: index.json",
        common=common,
    )
    froms_of = GitFroms(GitCache(tmp_path / "cache", {}))
    first, missing, imported = python.entries
    assert froms_of.froms(python, first, Arch.AMD64).stages == ("debian:trixie",)
    repository.path.rename(tmp_path / "moved")  # all was read at the first question
    assert froms_of.froms(python, first, Arch.WINDOWS_AMD64).stages == ("windows:latest",)
    assert froms_of.froms(python, imported, Arch.AMD64) == SCRATCH
    with pytest.raises(FetchError, match="has no gone/Dockerfile"):
        froms_of.froms(python, missing, Arch.AMD64)


def test_a_path_with_two_slashes_is_found(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "upstream")
    commit = repository.commit({"x86_64/Dockerfile": "FROM scratch"})
    common = COMMON + f"GitRepo: {repository.url}\nGitCommit: {commit}\n"
    alpine = library("alpine", "Tags: 1\nDirectory: x86_64//", common=common)
    froms_of = open_froms(None, tmp_path / "cache", {})
    assert froms_of.froms(alpine, alpine.entries[0], Arch.AMD64).stages == ("scratch",)


def test_facts_name_an_image_or_the_stages_in_order_and_the_rest_has_one_without_name(tmp_path: Path) -> None:
    file = tmp_path / "froms.json"
    file.write_text('{"about": "x", "froms": {"x:1": "a:1", "x:2": ["b:1", "c:1"]}}')
    x = library("x", "Tags: 1", "Tags: 2\nFile: F", "Tags: 3\nFile: G")
    froms_of = open_froms(file, tmp_path / "cache", {})
    found = [froms_of.froms(x, entry, Arch.AMD64) for entry in x.entries]
    assert [froms.stages for froms in found] == [("a:1",), ("b:1", "c:1"), ("",)]
    assert found[2].images == ()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"froms": {"x": 1}}', "\x00"])
def test_what_is_no_file_of_facts_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "froms.json").write_text(content)
    with pytest.raises(InputError, match="is not a file of FROM values"):
        read_facts(tmp_path / "froms.json")


def test_a_missing_file_of_facts_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json cannot be read: No such file"):
        read_facts(tmp_path / "none.json")
