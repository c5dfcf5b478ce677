"""ADD from a URL or a git repository."""

import os
import shutil
from pathlib import Path

import msgspec

from brewhouse.build.access import git_access, http_headers
from brewhouse.build.witness import repository_address
from brewhouse.build.workshop import Workshop
from brewhouse.dockerfile.giturl import GitSource, check_commit, parse_git
from brewhouse.dockerfile.instruction import Add
from brewhouse.errors import InputError
from brewhouse.oci.digest import parse_digest
from brewhouse.system.checkout import check_out
from brewhouse.system.http import download
from brewhouse.system.log import Step

_MODE = 0o600


def fetch_url(url: str, checksum: str, place: Path, shop: Workshop, step: Step) -> None:
    """Put what is behind a URL at `place`, 0600, with the time of the server's Last-Modified or 1970.

    With a checksum the bytes count and not where they come from: a file with that sha256 among the downloads is taken
    as it is, and its time is 1970 wherever it came from.
    """
    headers = http_headers(url, shop.request.access)
    digest = parse_digest(checksum) if checksum else None
    fetched = download(url, digest, shop.layout.downloads, step, headers=headers)
    shop.request.witness.took_file(url, fetched.sha256)
    shutil.copyfile(fetched.path, place)
    place.chmod(_MODE)
    seconds = 0 if checksum else int(fetched.path.stat().st_mtime)
    os.utime(place, (seconds, seconds))


def fetch_repository(source: GitSource, shop: Workshop, step: Step) -> Path:
    """Return a folder with the files of a repository, to be read only."""
    found = check_out(source, shop.layout, git_access(source, shop.request.access), step)
    shop.request.witness.took_repository(repository_address(source), found.commit)
    return found.folder


def added_repository(text: str, instruction: Add) -> GitSource | None:
    """Return the repository that a source of ADD is, or nothing; the flags of ADD and its address must agree.

    Raises InputError for two checksums that differ.
    """
    source = parse_git(text)
    if source is None:
        return None
    checksum = check_commit(instruction.checksum)
    if (
        checksum
        and source.checksum
        and not (checksum.startswith(source.checksum) or source.checksum.startswith(checksum))
    ):
        raise InputError(f"checksum {checksum} of ADD and {source.checksum} of the address differ", hint="keep one")
    keep = instruction.keep_git_dir
    if keep is None:
        keep = source.keep_git_dir
    return msgspec.structs.replace(source, checksum=max(checksum, source.checksum, key=len), keep_git_dir=keep)
