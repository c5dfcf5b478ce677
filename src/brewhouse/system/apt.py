"""Apt in a root of its own: indexes with checked signatures, and the packages that a set of words asks for.

Nothing of the machine's own apt is read but what it is told about mirrors, and nothing of it is changed.
"""

import os
import re
from collections.abc import Iterable, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote

import msgspec

from brewhouse.errors import BrewError, FetchError, HostError, InputError, IntegrityError
from brewhouse.system.network.address import without_password
from brewhouse.system.program import TOOL_ENVIRONMENT
from brewhouse.system.run import run
from brewhouse.system.sources import Source

ARCHIVE_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

_PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "SSL_CERT_FILE")
# How the machine reaches its mirrors, and whether its administrator lets old ones pass.
_INHERITED = re.compile(r"Acquire::(https?(::.*)?|Check-Valid-Until|Check-Date|Max-ValidTime) ")
_ERROR = re.compile(r"^E: (?:Failed to fetch )?(?P<what>.*)$", re.MULTILINE)
_URI_LINE = re.compile(r"'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>[0-9]+) SHA256:(?P<sha256>[0-9a-f]{64})")

# What apt says of signatures that do not verify, and of bytes that are not those of the signed Release.
_UNSIGNED = ("signature", "NO_PUBKEY", "NOSPLIT", "Clearsigned file", "is not signed")
_MISMATCH = ("Hash Sum mismatch", "unexpected size")
# What an incomplete mirror looks like: indexes of another date than the Release that lists them, or none at all.
_INCOMPLETE = (*_MISMATCH, "404", "does not have a Release file")
_UNREACHABLE = ("Could not resolve", "Temporary failure resolving", "connect to", "initiate the connection")


class Offer(msgspec.Struct, frozen=True):
    """A package as apt would fetch it: "http://mirror/debian/pool/main/b/bash/bash_5.2-1_amd64.deb", bash, 5.2-1."""

    uri: str
    name: str
    version: str
    architecture: str
    size: int
    sha256: str


class AptRoot(msgspec.Struct, frozen=True):
    """A folder in which apt has its configuration, indexes and state, all its own."""

    folder: Path
    keyring: Path


def make_apt_root(folder: Path, architecture: str, keyring: Path) -> AptRoot:
    """Lay out `folder` for apt: one architecture by Debian's name, the keys to be trusted, no installed package.

    Raises HostError where the keyring is missing, with the package that brings it.
    """
    if not keyring.is_file():
        mend = "apt-get install debian-archive-keyring" if keyring == ARCHIVE_KEYRING else "name one that is there"
        raise HostError(f"the keyring {keyring} is not there", hint=mend)
    for name in ("etc/preferences.d", "etc/parts", "lists/partial", "archives/partial", "log"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "apt.conf").write_text(_configuration(folder, architecture, keyring) + _machine_options())
    return AptRoot(folder, keyring.absolute())


def update(root: AptRoot, sources: Sequence[Source], optional: Iterable[str] = ()) -> list[Source]:
    """Fetch the indexes of `sources`, signatures checked by apt, and return the sources that are in use now.

    That is all of them but the suites of `optional` that the mirror has not, or not as its Release says. Raises
    IntegrityError with the file's name for other bytes than the signed ones, HostError where the mirror cannot be
    reached, FetchError otherwise.
    """
    lines = [f"deb [signed-by={root.keyring}] {source.uri} {source.suite} main\n" for source in sources]
    (root.folder / "etc/sources.list").write_text("".join(lines))
    done = _apt_get(root, ["-q", "-o", "APT::Update::Error-Mode=any", "update"])
    if done.status == 0:
        return list(sources)
    missing = incomplete_suites(done.text, sources)
    if not missing or not missing.issubset(optional):
        raise _update_error(done.text)
    return update(root, [source for source in sources if source.suite not in missing])


def incomplete_suites(text: str, sources: Iterable[Source]) -> frozenset[str]:
    """Return the suites that explain all of apt's errors by an incomplete mirror, none where there is another fault."""
    errors = _ERROR.findall(text)
    faults = {
        source.suite
        for source in sources
        for error in errors
        if _concerns(error, source.suite) and any(mark in error for mark in _INCOMPLETE)
    }
    explained = all(any(_concerns(error, suite) for suite in faults) or _is_advice(error) for error in errors)
    return frozenset(faults if explained and not any(mark in text for mark in _UNSIGNED) else ())


def _concerns(error: str, suite: str) -> bool:
    return f"/dists/{suite}/" in error or f" {suite} " in error


def _is_advice(error: str) -> bool:
    return error.startswith("Some index files failed")


def solve(root: AptRoot, words: Sequence[str]) -> list[Offer]:
    """Return the packages that installing `words` into an empty system takes: names, or patterns of apt-patterns(7).

    Raises InputError with apt's reason where there is no such set, or it is empty.
    """
    done = _apt_get(root, ["-qq", "--yes", "--no-install-recommends", "--print-uris", "install", *words])
    if done.status != 0:
        raise InputError(f"apt cannot put together {', '.join(words)}: {_reason(done.text)}")
    offers = [_read_offer(match) for match in map(_URI_LINE.fullmatch, done.text.splitlines()) if match]
    if not offers:
        raise InputError(f"apt finds nothing to install for {', '.join(words)}")
    return offers


def newest_release(root: AptRoot) -> int:
    """Return the newest Date of the Release files, in seconds since 1970."""
    dates = [_release_date(path) for path in (root.folder / "lists").glob("*Release")]
    if not dates:
        raise FetchError("apt fetched no Release file")
    return max(dates)


def _release_date(path: Path) -> int:
    found = re.search(r"^Date: (.*)$", path.read_text("utf-8", "replace"), re.MULTILINE)
    if not found:
        raise IntegrityError(f"{path.name} has no Date")
    date = parsedate_to_datetime(found[1])
    return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())


def _read_offer(match: re.Match[str]) -> Offer:
    """Read a line of --print-uris; apt calls the file name_version_architecture.deb, with `%3a` for a colon."""
    name, version, architecture = match["file"].removesuffix(".deb").split("_")
    return Offer(match["uri"], name, unquote(version), architecture, int(match["size"]), match["sha256"])


class _Answer(msgspec.Struct, frozen=True):
    status: int
    text: str


def _apt_get(root: AptRoot, words: Sequence[str]) -> _Answer:
    proxies = {
        name: os.environ[name] for lower in _PROXY_VARIABLES for name in (lower, lower.upper()) if os.environ.get(name)
    }
    environment = {**TOOL_ENVIRONMENT, **proxies, "APT_CONFIG": str(root.folder / "apt.conf")}
    done = run(["apt-get", *words], environment=environment)
    return _Answer(done.status, (done.stdout + done.stderr).decode("utf-8", "replace"))


def _configuration(folder: Path, architecture: str, keyring: Path) -> str:
    options = {
        "Dir": folder.absolute(),
        "Dir::State": "",
        "Dir::State::lists": "lists/",
        "Dir::State::status": folder.absolute() / "status",
        "Dir::Cache": "",
        "Dir::Cache::archives": "archives/",
        "Dir::Log": "log/",
        "Dir::Etc": "etc/",
        "Dir::Etc::main": "none",
        "Dir::Etc::parts": "parts/",
        "Dir::Etc::sourcelist": "sources.list",
        "Dir::Etc::sourceparts": "parts/",
        "Dir::Etc::preferencesparts": "preferences.d/",
        "Dir::Etc::trusted": keyring.absolute(),
        "Dir::Etc::trustedparts": "parts/",
        "APT::Architecture": architecture,
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        "Acquire::ForceHash": "SHA256",
        "Acquire::Retries": "2",
        # apt gives its work to the user _apt, who may not look into our folder.
        **({"APT::Sandbox::User": "root"} if os.geteuid() == 0 else {}),
    }
    lines = [f'{name} "{value}";\n' for name, value in options.items()]
    return "".join([*lines, f'#clear APT::Architectures;\nAPT::Architectures {{ "{architecture}"; }};\n'])


def _machine_options() -> str:
    """Return what the machine's own apt is told about its mirrors: proxies, certificates, how old indexes may be."""
    done = run(["apt-config", "dump", "--no-empty", "--format", '%f "%v";%n', "Acquire"])
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return "".join(f"{line}\n" for line in lines if _INHERITED.match(line))


def _update_error(text: str) -> BrewError:
    reason = _reason(text)
    if any(mark in text for mark in (*_UNSIGNED, *_MISMATCH)):
        mend = "the mirror is out of date, was changed on the way, or is signed by no key of the keyring: --mirror URL"
        return IntegrityError(f"an index was refused: {reason}", hint=mend)
    if any(mark in text for mark in _UNREACHABLE):
        mend = "check the network, or name another mirror: --mirror URL"
        return HostError(f"cannot reach the mirror: {reason.partition('; ')[0]}", hint=mend)
    return FetchError(f"apt could not fetch the indexes: {reason}", hint="name another mirror: --mirror URL")


def _reason(text: str) -> str:
    """Return the first lines that apt itself calls errors, without its advice."""
    told = [without_password(" ".join(error.split())) for error in _ERROR.findall(text) if not _is_advice(error)]
    return "; ".join(dict.fromkeys(told[:3])) or text.strip()[-300:] or "apt said nothing"
