"""ADD from a URL or a git repository."""

import os
import re
import shutil
from pathlib import Path

import msgspec

from brewhouse.build.inputs.access import git_access, http_headers
from brewhouse.build.inputs.gate import repository_address
from brewhouse.build.request import BuildRequest
from brewhouse.build.workshop import Workshop
from brewhouse.dockerfile.giturl import GitSource, check_commit, parse_git
from brewhouse.dockerfile.golang import quote
from brewhouse.dockerfile.instruction import Add
from brewhouse.errors import InputError
from brewhouse.oci.digest import Digest, parse_digest
from brewhouse.system.network.checkout import check_out
from brewhouse.system.network.http import download
from brewhouse.system.progress.log import Step
from brewhouse.system.store.layout import Layout

_MODE = 0o600
_HEX = re.compile("[0-9a-f]+")


def fetch_url(url: str, checksum: str, place: Path, shop: Workshop, step: Step) -> None:
    """Put what is behind a URL at `place`, 0600, with the time of the server's Last-Modified or 1970.

    With a checksum the bytes count and not where they come from: a file with that sha256 among the downloads is taken
    as it is, and its time is 1970 wherever it came from.
    """
    url, checksum = shop.request.gate.admit_file(url, checksum)
    headers = http_headers(url, shop.request.access)
    digest = read_checksum(checksum) if checksum else None
    fetched = download(url, digest, shop.layout.downloads, step, headers=headers)
    shop.request.gate.took_file(url, fetched.sha256)
    shutil.copyfile(fetched.path, place)
    place.chmod(_MODE)
    seconds = 0 if checksum else int(fetched.path.stat().st_mtime)
    os.utime(place, (seconds, seconds))


def read_checksum(text: str) -> Digest:
    """Return the digest of ADD --checksum; the errors are BuildKit's."""
    algorithm, colon, _ = text.partition(":")
    if colon and algorithm != "sha256":
        raise InputError(f"unsupported digest algorithm: {text}", hint="give the file's sha256")
    try:
        return parse_digest(text)
    except InputError as error:
        what = "length" if _HEX.fullmatch(text.partition(":")[2]) else "format"
        raise InputError(f"invalid checksum digest {what}: {text}", hint=error.hint) from error


def fetch_repository(source: GitSource, request: BuildRequest, layout: Layout, step: Step) -> Path:
    """Return a folder with the files of a repository, to be read only."""
    source = request.gate.admit_repository(source)
    found = check_out(source, layout, git_access(source, request.access), step)
    request.gate.took_repository(repository_address(source), found.commit)
    return found.folder


def added_repository(text: str, instruction: Add) -> GitSource | None:
    """Return the repository that a source of ADD is, or nothing; the flags of ADD and its address must agree.

    Raises InputError where they do not.
    """
    source = parse_git(text)
    if source is None:
        return None
    checksum = check_commit(instruction.checksum)
    if checksum and source.checksum and checksum != source.checksum:
        raise InputError(f"checksum mismatch {quote(checksum)} != {quote(source.checksum)}", hint="keep one")
    flag, keep = instruction.keep_git_dir, source.keep_git_dir
    if flag is not None and keep is not None and flag != keep:
        raise InputError("inconsistent keep-git-dir configuration", hint="say it once, in --keep-git-dir")
    return msgspec.structs.replace(
        source, checksum=checksum or source.checksum, keep_git_dir=bool(keep if flag is None else flag)
    )
