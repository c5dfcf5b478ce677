"""What a work tree of git says of itself: its commit, and where it came from.

Nothing in the tree is run: neither hooks nor what its own settings name.
Source: build/git.go and util/gitutil of docker/buildx.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from brewhouse.system.network.git import git_environment
from brewhouse.system.run import run

_INERT = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


class Worktree(msgspec.Struct, frozen=True):
    """A work tree: its top folder, its commit ("" before the first), and the address of its remote, if any."""

    root: Path
    revision: str = ""
    source: str = ""


def read_worktree(folder: Path, environment: Mapping[str, str], *, tells_changes: bool) -> Worktree | None:
    """Return the work tree that a folder lies in; None where it lies in none, or git will not read it.

    With `tells_changes` the commit of a tree that was changed since ends in "-dirty".
    """
    if not shutil.which("git"):
        return None

    def git(*arguments: str) -> str:
        command: list[str | Path] = ["git", "-C", folder, *_INERT, *arguments]
        done = run(command, environment=git_environment(environment))
        return "" if done.status else done.stdout.decode(errors="replace").strip()

    root = git("rev-parse", "--show-toplevel")
    if not root:
        return None
    revision = git("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if revision and tells_changes and git("status", "--porcelain", "--ignored=no"):
        revision += "-dirty"
    branch = git("symbolic-ref", "--quiet", "--short", "HEAD")
    tracked = git("config", f"branch.{branch}.remote") if branch else ""
    urls = (git("remote", "get-url", name) for name in (tracked, "origin", "upstream") if name)
    return Worktree(Path(root), revision, next(filter(None, urls), ""))
