"""Checkouts of git repositories: the files of one commit in a folder, the same for everybody who asks.

Modes are 0644 and 0755 and times those of the commit, whatever the umask and the clock were.
"""

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from brewhouse.dockerfile.giturl import GitSource
from brewhouse.errors import FetchError, InputError
from brewhouse.system.confine import confine
from brewhouse.system.network.address import without_password
from brewhouse.system.network.git import git_environment
from brewhouse.system.progress.log import Step
from brewhouse.system.run import Completed, run
from brewhouse.system.store.disk import new_folder, remove_tree
from brewhouse.system.store.layout import Layout

_TIMEOUT_SECONDS = 1800
_SETTINGS = (
    *("-c", "advice.detachedHead=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.symlinks=true"),
    *("-c", "gc.auto=0"),
    # The user's settings say how to get at repositories; what these would make of files would be another commit's.
    *("-c", "core.attributesFile=/dev/null"),
    *("-c", "core.autocrlf=false"),
    *("-c", "core.eol=lf"),
    *("-c", "filter.lfs.process="),
    *("-c", "filter.lfs.required=false"),
    *("-c", "filter.lfs.smudge="),
)
_ALL = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")


class Checkout(msgspec.Struct, frozen=True):
    """A folder with the files, and the commit that they are of; nobody may write there."""

    folder: Path
    commit: str


def check_out(
    source: GitSource, layout: Layout, environment: Mapping[str, str], step: Step, *, local: bool = False
) -> Checkout:
    """Return the files of a repository, those of the last time where the ref stands for the same commit.

    `environment` is the user's, with what is secret in it for git alone; `local` allows file://, also for submodules.
    Raises FetchError where the repository or ref cannot be had, InputError where the checksum is another or too short,
    or the folder is missing.
    """
    if source.fetch_by_commit and not source.commit:
        raise InputError("fetch-by-commit needs a whole commit", hint="add to the address: checksum= and 40 digits")
    own = git_environment(environment) | dict(_given_settings(environment))
    if not local:
        own["GIT_ALLOW_PROTOCOL"] = "git:http:https:ssh"
    git = _Git(source, own)
    ref, commit = ("", source.commit) if source.commit else git.resolve()
    if not commit.startswith(source.checksum) and not source.ref:
        commit = git.find(layout) or commit
        ref = ""
    if not commit.startswith(source.checksum):
        mend = "the ref was moved, or the checksum is of another one"
        raise InputError(f"expected checksum to match {source.checksum}, got {commit}", hint=mend)
    step.note(f"{git.shown} {commit}")
    kind = [source.url, commit, source.subdir, str(source.keep_git_dir), str(source.submodules)]
    folder = layout.cache / "git" / hashlib.sha256("\0".join(kind).encode()).hexdigest()
    if not folder.is_dir():
        folder.parent.mkdir(exist_ok=True)
        _make(git, ref, commit, folder, layout)
    return Checkout(folder, commit)


def _given_settings(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return settings that the caller gives by environment, where they cannot be seen in a list of processes."""
    return [(name, value) for name, value in environment.items() if name.startswith("GIT_CONFIG_")]


def _make(git: "_Git", ref: str, commit: str, folder: Path, layout: Layout) -> None:
    """Fetch and unpack one commit under a temporary name, and rename what is wanted of it."""
    temporary = new_folder(layout.tmp, "git")
    try:
        git.fetch(temporary, ref, commit)
        seconds = int(git.must(temporary, "show", "--no-patch", "--format=%ct", commit).stdout)
        if not git.source.keep_git_dir:
            _drop_git(temporary)
        wanted = confine(temporary, git.source.subdir)
        if not wanted.is_dir():
            raise InputError(f"{git.shown} at {commit} has no folder `{git.source.subdir}`")
        _settle(wanted, seconds)
        try:
            wanted.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
    finally:
        remove_tree(temporary)


class _Git:
    """The git program, for one repository."""

    def __init__(self, source: GitSource, environment: Mapping[str, str]) -> None:
        self.source = source
        self.shown = without_password(source.url)
        self._environment = environment

    def resolve(self) -> tuple[str, str]:
        """Return the ref by its whole name and the commit that it stands for.

        A branch comes before a tag of the same name. Source: resolveRef of source/git in moby/buildkit.
        """
        wanted = self.source.ref or "HEAD"
        answer = self.must(None, "ls-remote", "--", self.source.url, wanted, f"{wanted}^{{}}").stdout.decode()
        found = {name: commit for commit, _, name in (line.partition("\t") for line in answer.splitlines())}
        short = wanted.removeprefix("refs/")
        names = [wanted, f"refs/heads/{short.removeprefix('heads/')}", f"refs/tags/{short.removeprefix('tags/')}"]
        for name in (*names, f"refs/{short}"):
            if name in found:
                return name, found.get(f"{name}^{{}}", found[name])
        raise FetchError(
            f"{self.shown}: repository does not contain ref {wanted}", hint="name a branch, a tag or a whole commit"
        )

    def find(self, layout: Layout) -> str:
        """Return the commit of any branch or tag that the checksum is the beginning of, or ""."""
        temporary = new_folder(layout.tmp, "git")
        try:
            self.must(temporary, "init", "--quiet", "--bare", "--template=")
            self.must(temporary, "fetch", "--quiet", "--", self.source.url, *_ALL)
            found = self._run(temporary, ["rev-parse", "--verify", "--quiet", f"{self.source.checksum}^{{commit}}"])
            return found.stdout.decode().strip() if not found.status else ""
        finally:
            remove_tree(temporary)

    def fetch(self, folder: Path, ref: str, commit: str) -> None:
        """Fill a folder with a commit: by its id with nothing before it, or through its ref where that is refused."""
        self.must(folder, "init", "--quiet", "--template=", "--initial-branch=master")
        self.must(folder, "remote", "add", "origin", self.shown)
        shallow = self._run(folder, ["fetch", "--quiet", "--depth=1", "--no-tags", "--", self.source.url, commit])
        if shallow.status:
            wanted = [ref] if ref else _ALL
            self.must(folder, "fetch", "--quiet", "--no-tags", "--", self.source.url, *wanted)
        self.must(folder, "checkout", "--quiet", "--detach", commit)
        if self.source.submodules and (folder / ".gitmodules").is_file():
            self.must(folder, "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")

    def must(self, folder: Path | None, *arguments: str) -> Completed:
        """Return the finished git process; raises FetchError, without secrets, where it failed."""
        done = self._run(folder, arguments)
        if done.status:
            why = without_password(_reason(done.stderr)) or f"git ended with status {done.status}"
            raise FetchError(
                f"{self.shown} cannot be had: {why}", hint="check the address, the ref and the credentials"
            )
        return done

    def _run(self, folder: Path | None, arguments: Sequence[str]) -> Completed:
        place = ("-C", folder) if folder else ()
        words = ["git", *place, *_SETTINGS, *arguments]
        return run(words, environment=self._environment, timeout_seconds=_TIMEOUT_SECONDS)


def _reason(stderr: bytes) -> str:
    """Return the line that tells most of what git said; the last one often says no more than that something failed."""
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    fatal = next((number for number, line in enumerate(lines) if line.startswith("fatal: ")), len(lines) - 1)
    if fatal > 0 and lines[fatal] == "fatal: Could not read from remote repository.":
        fatal -= 1  # ssh, or the server, has told why
    return lines[fatal].removeprefix("fatal: ") if lines else ""


def _drop_git(folder: Path) -> None:
    """Remove what git keeps beside the files: a folder, or in submodules a file."""
    for place, folders, files in os.walk(folder):
        if ".git" in folders:
            folders.remove(".git")
            remove_tree(Path(place, ".git"))
        if ".git" in files:
            Path(place, ".git").unlink()


def _settle(folder: Path, seconds: int) -> None:
    """Set modes and times to what the commit alone decides."""
    for place, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            path = Path(place, name)
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode):
                path.chmod(0o755 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0o644)
            os.utime(path, (seconds, seconds), follow_symlinks=False)
    folder.chmod(0o755)
    os.utime(folder, (seconds, seconds))
