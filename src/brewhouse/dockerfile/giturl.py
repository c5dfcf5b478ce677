"""Addresses of git repositories, as ADD and build contexts write them: pure.

Source: util/gitutil and dfgitutil of moby/buildkit.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import msgspec

from brewhouse.dockerfile.golang import parse_bool, quote
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.errors import DockerfileError

_SCP = re.compile(r"[A-Za-z0-9_]+@[A-Za-z0-9_.-]+:(?!//).+")
_COMMIT = r"[0-9a-f]{40}"
_PREFIX = r"[0-9a-f]{7,40}"
_TRUTHS = ("submodules", "keep-git-dir", "fetch-by-commit")
_KEYS = ("ref", "tag", "branch", "subdir", "checksum", "commit", "mtime", *_TRUTHS)
_TIMES = ("commit", "checkout")


class GitSource(msgspec.Struct, frozen=True):
    """A folder of a repository at a ref (a branch, tag or whole commit; HEAD if empty).

    `checksum` is the beginning of the commit that the ref must stand for; with `fetch_by_commit` it is the whole
    one, and nobody asks what the ref stands for. Whether .git is kept may be left open.
    """

    url: str
    ref: str = ""
    subdir: str = ""
    checksum: str = ""
    submodules: bool = True
    keep_git_dir: bool | None = None
    fetch_by_commit: bool = False

    @property
    def commit(self) -> str:
        """Return the commit that is asked for whatever the repository's refs say, or ""."""
        if re.fullmatch(_COMMIT, self.ref):
            return self.ref
        is_enough = self.fetch_by_commit or not self.ref
        return self.checksum if is_enough and re.fullmatch(_COMMIT, self.checksum) else ""

    @property
    def host(self) -> str:
        """Return the host, with its port if it has one."""
        if _SCP.fullmatch(self.url):
            return self.url.partition("@")[2].partition(":")[0]
        return urlsplit(self.url).netloc.rpartition("@")[2]


def parse_git(text: str, *, local: bool = False) -> GitSource | None:
    """Return what "https://host/x.git#ref:subdir" or "...?branch=v1&subdir=docs" means; nothing for other things.

    git://, ssh:// and user@host:path are always repositories, http(s) only with .git at the end of the path. With
    `local`, for what the command line names, file:// is one too, which a Dockerfile may not read, and github.com/a/b,
    which in a Dockerfile is a path. Raises DockerfileError for an unknown or doubled key.
    """
    address, _, fragment = text.partition("#")
    if _SCP.fullmatch(address):
        return _with_parts(address, fragment, {}, text)
    is_short = local and address.startswith("github.com/")
    try:
        parts = urlsplit(f"https://{address}" if is_short else address)
    except ValueError:
        return None
    schemes = ("git", "ssh", "file") if local else ("git", "ssh")
    is_web = parts.scheme in ("http", "https") and parts.path.endswith(".git")
    if parts.scheme not in schemes and not is_web and not is_short:
        return None
    url = urlunsplit(parts._replace(query=""))
    return _with_parts(url, fragment, _query(parts.query, text), text)


def _query(query: str, text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in _KEYS:
            raise DockerfileError(f"unexpected query {quote(key)} in {_shown(text)}{did_you_mean(key, _KEYS)}")
        if key in found:
            raise DockerfileError(f"query {quote(key)} has multiple values in {_shown(text)}", hint="write it once")
        if not value and key not in _TRUTHS:
            raise DockerfileError(f"query {quote(key)} has no value in {_shown(text)}", hint=f"write {key}=VALUE")
        found[key] = value
    return found


def _with_parts(url: str, fragment: str, query: Mapping[str, str], text: str) -> GitSource:
    ref, _, subdir = fragment.partition(":")
    if query.get("tag") and query.get("branch"):
        raise DockerfileError(f"branch conflicts with tag in {_shown(text)}", hint="name one branch or tag")
    for name in (
        query.get("ref", ""),
        _full("refs/tags/", query.get("tag")),
        _full("refs/heads/", query.get("branch")),
    ):
        ref = _agreed("ref", ref, name, text)
    keep = query.get("keep-git-dir")
    if query.get("mtime", "commit") not in _TIMES:
        raise DockerfileError(f"invalid mtime value: {quote(query['mtime'])}", hint=f"write {' or '.join(_TIMES)}")
    return GitSource(
        url,
        ref=ref,
        subdir=_agreed("subdir", subdir, query.get("subdir", ""), text),
        checksum=check_commit(query.get("checksum") or query.get("commit", "")),
        submodules=_truth("submodules", query.get("submodules", "true")),
        keep_git_dir=None if keep is None else _truth("keep-git-dir", keep),
        fetch_by_commit=_truth("fetch-by-commit", query.get("fetch-by-commit", "false")),
    )


def _full(prefix: str, name: str | None) -> str:
    return prefix + name.removeprefix(prefix) if name else ""


def _agreed(what: str, one: str, other: str, text: str) -> str:
    """Return what is said in one place, or in two alike."""
    if one and other and one != other:
        raise DockerfileError(f"{what} conflicts: {quote(one)} vs {quote(other)} in {_shown(text)}", hint="name one")
    return one or other


def _truth(name: str, text: str) -> bool:
    try:
        return parse_bool(text) if text else True
    except DockerfileError as error:
        raise DockerfileError(f"invalid {name} value: {quote(text)}", hint=error.hint) from error


def check_commit(text: str) -> str:
    """Return the beginning of a commit, or ""; raises DockerfileError for what is none."""
    if text and not re.fullmatch(_PREFIX, text):
        raise DockerfileError(
            f"invalid checksum {text} for Git source, expected hex commit hash", hint="write 7 to 40 lower-case digits"
        )
    return text


def _shown(text: str) -> str:
    """Return an address without user and password."""
    return re.sub(r"(?<=://)[^/@]*@", "", text)
