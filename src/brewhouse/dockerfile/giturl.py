"""Addresses of git repositories, as ADD and build contexts write them: pure.

Source: util/gitutil and dfgitutil of moby/buildkit.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import msgspec

from brewhouse.dockerfile.golang import parse_bool
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.errors import DockerfileError

_SCP = re.compile(r"[A-Za-z0-9_]+@[A-Za-z0-9_.-]+:(?!//).+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PREFIX = re.compile(r"[0-9a-f]{7,40}")
_KEYS = ("ref", "tag", "branch", "subdir", "checksum", "commit", "submodules", "keep-git-dir")


class GitSource(msgspec.Struct, frozen=True):
    """A folder of a repository at a ref (a branch, tag or whole commit; HEAD if empty).

    `checksum` is the beginning of the commit that the ref must stand for.
    """

    url: str
    ref: str = ""
    subdir: str = ""
    checksum: str = ""
    submodules: bool = True
    keep_git_dir: bool = False

    @property
    def commit(self) -> str:
        """Return the commit that is asked for whatever the repository's refs say, or ""."""
        if _COMMIT.fullmatch(self.ref):
            return self.ref
        return self.checksum if not self.ref and _COMMIT.fullmatch(self.checksum) else ""

    @property
    def host(self) -> str:
        """Return the host, with its port if it has one."""
        if _SCP.fullmatch(self.url):
            return self.url.partition("@")[2].partition(":")[0]
        return urlsplit(self.url).netloc.rpartition("@")[2]


def parse_git(text: str, *, local: bool = False) -> GitSource | None:
    """Return what "https://host/x.git#ref:subdir" or "...?branch=v1&subdir=docs" means; nothing for other things.

    git://, ssh:// and user@host:path are always repositories, http(s) only with .git at the end of the path; with
    `local` file:// is one too, which a Dockerfile may not read. Raises DockerfileError for an unknown or doubled key.
    """
    address, _, fragment = text.partition("#")
    if _SCP.fullmatch(address):
        return _with_parts(address, fragment, {}, text)
    if address.startswith("github.com/"):
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    schemes = ("git", "ssh", "file") if local else ("git", "ssh")
    is_web = parts.scheme in ("http", "https") and (parts.path.endswith(".git") or parts.netloc == "github.com")
    if parts.scheme not in schemes and not is_web:
        return None
    url = urlunsplit(parts._replace(query=""))
    return _with_parts(url, fragment, _query(parts.query, text), text)


def _query(query: str, text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in _KEYS:
            raise DockerfileError(f"unexpected query `{key}` in {_shown(text)}{did_you_mean(key, _KEYS)}")
        if key in found:
            raise DockerfileError(f"query `{key}` stands twice in {_shown(text)}", hint="write it once")
        found[key] = value
    return found


def _with_parts(url: str, fragment: str, query: Mapping[str, str], text: str) -> GitSource:
    ref, _, subdir = fragment.partition(":")
    named = {"ref": query.get("ref", "")}
    named |= {"tag": f"refs/tags/{query['tag']}"} if query.get("tag") else {}
    named |= {"branch": f"refs/heads/{query['branch']}"} if query.get("branch") else {}
    refs = [value for value in (ref, *named.values()) if value]
    if len(refs) > 1:
        raise DockerfileError(f"several refs are named in {_shown(text)}", hint="name one branch, tag or commit")
    if subdir and query.get("subdir"):
        raise DockerfileError(f"the folder stands twice in {_shown(text)}", hint="name it once")
    return GitSource(
        url,
        ref=refs[0] if refs else "",
        subdir=subdir or query.get("subdir", ""),
        checksum=check_commit(query.get("checksum") or query.get("commit", "")),
        submodules=_truth(query.get("submodules", "true")),
        keep_git_dir=_truth(query.get("keep-git-dir", "false")),
    )


def _truth(text: str) -> bool:
    return parse_bool(text) if text else True


def check_commit(text: str) -> str:
    """Return the beginning of a commit, or ""; raises DockerfileError for what is none."""
    if text and not _PREFIX.fullmatch(text):
        raise DockerfileError(f"invalid checksum {text} for Git source", hint="write 7 to 40 lower-case hex digits")
    return text


def _shown(text: str) -> str:
    """Return an address without user and password."""
    return re.sub(r"(?<=://)[^/@]*@", "", text)
