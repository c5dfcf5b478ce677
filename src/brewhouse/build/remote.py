"""ADD from a URL."""

import os
import shutil
from pathlib import Path

from brewhouse.oci.digest import parse_digest
from brewhouse.system.http import download
from brewhouse.system.log import Step

_MODE = 0o600


def fetch_url(url: str, checksum: str, place: Path, downloads: Path, step: Step) -> None:
    """Put what is behind a URL at `place`, 0600, with the time of the server's Last-Modified or 1970.

    With a checksum the bytes count and not where they come from: a file with that sha256 among the downloads is taken
    as it is, and its time is 1970 wherever it came from.
    """
    fetched = download(url, parse_digest(checksum) if checksum else None, downloads, step)
    shutil.copyfile(fetched.path, place)
    place.chmod(_MODE)
    seconds = 0 if checksum else int(fetched.path.stat().st_mtime)
    os.utime(place, (seconds, seconds))
