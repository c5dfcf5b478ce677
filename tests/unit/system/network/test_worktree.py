"""What is read of work trees of git."""

import os
from pathlib import Path

import pytest
from tests.support.repository import Repository

from brewhouse.system.network.worktree import read_worktree


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "app")


def test_a_work_tree_tells_its_commit_and_its_remote(repository: Repository) -> None:
    commit = repository.commit({"docs/a": "a"})
    repository.git("remote", "add", "upstream", "https://example.org/upstream.git")
    found = read_worktree(repository.path / "docs", os.environ, tells_changes=False)
    assert found
    assert (found.root, found.revision, found.source) == (repository.path, commit, "https://example.org/upstream.git")
    repository.git("remote", "add", "origin", "https://example.org/origin.git")
    found = read_worktree(repository.path, os.environ, tells_changes=False)
    assert found
    assert found.source == "https://example.org/origin.git"


def test_a_tree_that_was_changed_is_dirty_where_that_is_asked(repository: Repository) -> None:
    commit = repository.commit({"a": "a"})
    (repository.path / "a").write_text("b")
    found = [read_worktree(repository.path, os.environ, tells_changes=asked) for asked in (False, True)]
    assert [tree.revision for tree in found if tree] == [commit, f"{commit}-dirty"]


def test_a_tree_without_a_commit_and_a_folder_without_a_tree_tell_nothing(
    repository: Repository, tmp_path: Path
) -> None:
    found = read_worktree(repository.path, os.environ, tells_changes=True)
    assert found
    assert (found.revision, found.source) == ("", "")
    assert read_worktree(tmp_path, os.environ, tells_changes=True) is None


def test_a_tree_runs_no_program_of_its_own(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a": "a"})
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    script.chmod(0o755)
    repository.git("config", "core.fsmonitor", str(script))
    assert read_worktree(repository.path, os.environ, tells_changes=True)
    assert not (tmp_path / "ran").exists()
