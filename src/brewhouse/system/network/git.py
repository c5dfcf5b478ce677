"""Files at pinned commits, from a local cache of partial clones; and the last commits that changed files.

The cache is one bare repository for each URL. Only commits and trees are fetched, and then the files that are asked
for; a commit that was fetched has a reference, so that a second run needs no network.
"""

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from brewhouse.errors import BrewError, FetchError, InputError
from brewhouse.system.program import TOOL_ENVIRONMENT
from brewhouse.system.run import Completed, run

PARALLEL = 8
_TIMEOUT_SECONDS = 600
# What git needs of the user's environment: configuration, credentials, proxies.
_KEPT = frozenset({"HOME", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK", "GIT_ASKPASS", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO"})
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_SETTINGS = (
    *("-c", "core.quotePath=false"),
    *("-c", "gc.auto=0"),
    # Without it git tells the server which commits are here, and the server leaves out their files.
    *("-c", "fetch.negotiationAlgorithm=noop"),
    # GitHub has ended its git:// service.
    *("-c", "url.https://github.com/.insteadOf=git://github.com/"),
)
# Stands for the tip of the ref in place of a commit, in library files before 2021.
FETCH_HEAD = "FETCH_HEAD"


class GitFile(msgspec.Struct, frozen=True):
    """A file of a repository: the ref that holds the commit, the commit (or FETCH_HEAD), and the path."""

    url: str
    fetch: str
    commit: str
    path: str


def git_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the git program gets of the user's environment; it never asks and uses no odd transports."""
    kept = {name: value for name, value in environment.items() if name in _KEPT or name.lower() in _PROXIES}
    own = {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh"}
    return {**TOOL_ENVIRONMENT, **kept, **own}


class GitCache:
    """Partial clones below `root`, shared by all threads and processes that use the folder."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        """Name the folder; it is made when something is fetched."""
        self.root = root
        self._environment = git_environment(environment)
        self._guards: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def read_files(self, files: Iterable[GitFile]) -> dict[GitFile, bytes | BrewError]:
        """Return the content of each file, or why it cannot be had; several repositories at a time."""
        by_url: dict[str, list[GitFile]] = {}
        from concurrent.futures import ThreadPoolExecutor

        for file in dict.fromkeys(files):
            by_url.setdefault(file.url, []).append(file)
        with ThreadPoolExecutor(PARALLEL) as threads:
            answers = threads.map(lambda item: self._read_of_one(*item), by_url.items())
            return {file: content for answer in answers for file, content in answer.items()}

    def _read_of_one(self, url: str, files: Sequence[GitFile]) -> dict[GitFile, bytes | BrewError]:
        """Return the files of one repository."""
        try:
            with self._repository(url) as repository:
                missing = self._fetch_commits(repository, files)
                return missing | self._read_blobs(repository, [file for file in files if file not in missing])
        except BrewError as error:
            return dict.fromkeys(files, error)

    @contextmanager
    def _repository(self, url: str) -> Iterator[Path]:
        """Give the bare repository for `url`, made if it is new, to one thread of one process at a time."""
        if url.startswith("-"):
            raise InputError(f"`{url}` is not the address of a git repository")
        path = self.root / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.git"
        self.root.mkdir(parents=True, exist_ok=True)
        with self._guard:
            guard = self._guards.setdefault(url, threading.Lock())
        with guard, path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.is_dir():
                self._make_repository(path, url)
            yield path

    def _make_repository(self, path: Path, url: str) -> None:
        """Make an empty partial clone of `url`, complete under its name or not there at all."""
        temporary = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
        self._must(self._git(None, "init", "--quiet", "--bare", temporary), url)
        settings = {
            "core.repositoryFormatVersion": "1",
            "extensions.partialClone": "origin",
            "remote.origin.url": url,
            "remote.origin.promisor": "true",
            "remote.origin.partialCloneFilter": "blob:none",
        }
        for name, value in settings.items():
            self._must(self._git(temporary, "config", name, value), url)
        temporary.rename(path)

    def _fetch_commits(self, repository: Path, files: Sequence[GitFile]) -> dict[GitFile, bytes | BrewError]:
        """Fetch the commits that are not there yet, all at once where that works; return the files of lost ones."""
        known = self._git(repository, "for-each-ref", "--format=%(refname)").stdout.decode().split()
        wanted = {(file.fetch, file.commit) for file in files} - {
            (file.fetch, file.commit) for file in files if _ref(file.fetch, file.commit) in set(known)
        }
        commits = sorted({commit for _, commit in wanted if commit != FETCH_HEAD})
        if commits and self._fetch_by_id(repository, commits).status == 0:
            wanted = {(fetch, commit) for fetch, commit in wanted if commit == FETCH_HEAD}
        errors = {(fetch, commit): self._fetch_one(repository, fetch, commit) for fetch, commit in sorted(wanted)}
        lost = {pin: error for pin, error in errors.items() if error}
        return {file: lost[file.fetch, file.commit] for file in files if (file.fetch, file.commit) in lost}

    def _fetch_one(self, repository: Path, fetch: str, commit: str) -> BrewError | None:
        """Fetch one commit by its id, or through the ref that holds it; return why it cannot be had."""
        if commit != FETCH_HEAD and self._fetch_by_id(repository, [commit]).status == 0:
            return None
        held = f"refs/fetched/{fetch.removeprefix('refs/')}"
        done = self._fetch(repository, [f"+{fetch}:{held}"])
        if done.status == 0 and commit == FETCH_HEAD:
            return None
        if done.status == 0 and self._git(repository, "update-ref", _ref(fetch, commit), commit).status == 0:
            return None
        why = _last_line(done) if done.status else f"{fetch} does not hold it"
        url = self._git(repository, "config", "remote.origin.url").stdout.decode().strip()
        return FetchError(
            f"commit {commit} of {url} cannot be had: {why}", hint="check GitRepo, GitFetch and GitCommit"
        )

    def _fetch_by_id(self, repository: Path, commits: Sequence[str]) -> Completed:
        """Fetch commits with nothing before them; servers may refuse that."""
        return self._fetch(repository, [f"+{commit}:{_ref('', commit)}" for commit in commits], "--depth=1")

    def _fetch(self, repository: Path, wanted: Sequence[str], *options: str) -> Completed:
        """Fetch refs without the files in them, or files by their ids."""
        arguments = ["--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none", *options]
        return self._git(repository, "fetch", *arguments, "origin", "--stdin", stdin="\n".join(wanted))

    def _read_blobs(self, repository: Path, files: Sequence[GitFile]) -> dict[GitFile, bytes | BrewError]:
        """Return files of commits that are there; links are followed inside the commit."""
        if not files:
            return {}
        names = [f"{_ref(file.fetch, file.commit)}:{file.path}" for file in files]
        # All in one go; what is behind a link comes by itself when it is read.
        blobs = self._git(repository, "rev-parse", "--revs-only", *dict.fromkeys(names)).stdout.decode().split()
        self._fetch(repository, blobs, "--recurse-submodules=no")
        done = self._git(repository, "cat-file", "--batch", "--follow-symlinks", stdin="\n".join(names))
        self._must(done, files[0].url)
        return {
            file: FetchError(f"{file.url} at {file.commit} has no {file.path}") if content is None else content
            for file, content in zip(files, _split_batch(done.stdout), strict=True)
        }

    def _git(self, repository: Path | None, *arguments: str | Path, stdin: str = "") -> Completed:
        """Return the finished git process."""
        place = ("-C", repository) if repository else ()
        return run(
            ["git", *place, *_SETTINGS, *arguments],
            environment=self._environment,
            stdin=f"{stdin}\n".encode() if stdin else b"",
            timeout_seconds=_TIMEOUT_SECONDS,
        )

    def _must(self, done: Completed, url: str) -> None:
        """Raise FetchError where git failed."""
        if done.status:
            raise FetchError(f"git failed for {url}: {_last_line(done)}")


def last_changes(folder: Path, names: Sequence[str], environment: Mapping[str, str]) -> dict[str, str] | None:
    """Return the last commit that changed each file called one of `names`, by one walk of the history.

    {"python/logo.png": "01c1265..."}; None where `folder` is not the top of a git checkout. Raises InputError for a
    shallow clone, whose oldest commit would be taken for the last change of everything before it.
    """
    command: list[str | Path] = ["git", "-C", folder, *_SETTINGS]
    own = git_environment(environment)
    place = run([*command, "rev-parse", "--is-shallow-repository", "--show-prefix"], environment=own)
    if place.status or place.stdout.split(b"\n")[1]:
        return None
    if place.stdout.startswith(b"true"):
        hint = f"fetch the rest: git -C {folder} fetch --unshallow"
        raise InputError(f"{folder} is a shallow clone, so the last changes of its files are not known", hint=hint)
    patterns = [f":(glob)**/{name}" for name in names]
    log = run([*command, "log", "--format=:%H", "--name-only", "--no-renames", "--", *patterns], environment=own)
    if log.status:
        raise BrewError(f"the history of {folder} cannot be read: {_last_line(log)}")
    commits: dict[str, str] = {}
    commit = ""
    for line in log.stdout.decode(errors="surrogateescape").split("\n"):
        if line.startswith(":"):
            commit = line[1:]
        elif line:
            commits.setdefault(line, commit)
    return commits


def _ref(fetch: str, commit: str) -> str:
    """Return the name under which the cache holds a commit."""
    return f"refs/fetched/{fetch.removeprefix('refs/')}" if commit == FETCH_HEAD else f"refs/commits/{commit}"


def _split_batch(output: bytes) -> Iterator[bytes | None]:
    """Yield the content of each object that `git cat-file --batch` printed, or nothing where it is no file.

    Each has a line "ID blob SIZE" and SIZE bytes, or "NAME missing", or "symlink SIZE" and the target of a link that
    leads out of the commit.
    """
    position = 0
    while position < len(output):
        end = output.index(b"\n", position)
        words = output[position:end].split(b" ")
        position = end + 1
        if words[-1] == b"missing":
            yield None
            continue
        size = int(words[-1])
        yield output[position : position + size] if words[-2] == b"blob" else None
        position += size + 1


def _last_line(done: Completed) -> str:
    """Return the last line of what git said, without its "fatal: "."""
    lines = done.stderr.decode(errors="replace").strip().split("\n")
    told = [line for line in lines if line.startswith(("fatal: ", "error: ", "ERROR: ", "remote: "))] or lines
    return told[0].split(": ", 1)[-1] or f"exit status {done.status}"
