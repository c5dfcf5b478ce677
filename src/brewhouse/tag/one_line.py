"""The one-line library files that were written until about 2021: `tag: repo@commit [directory]`.

Source: manifest/line-based.go of docker-library/go-dockerlibrary, as it was in 2018.
"""

import re

import msgspec

from brewhouse.model import Entry, Source
from brewhouse.tag.check import MAINTAINER_FORM, Draft, check_maintainers, check_tags
from brewhouse.tag.fault import Fault

_MAINTAINER = "# maintainer: "
_ANY_BRANCH = "refs/heads/*"
_COMMIT = re.compile(r"[0-9a-f]{1,64}")
_FORM = "write `tag: repository@commit directory`, or use the format with paragraphs"


def is_one_line(text: str) -> bool:
    """Tell whether `text` is meant to be in this format: its maintainers stand in comments."""
    lines = [line.strip() for line in text.split("\n")]
    return any(line.startswith(_MAINTAINER) for line in lines) and not any(
        line.startswith("Maintainers:") for line in lines
    )


def read_one_line(text: str, faults: list[Fault]) -> list[Draft]:
    """Return the common part and one entry for each line, and what is wrong in `faults`."""
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1)]
    maintainers = [(number, line.removeprefix(_MAINTAINER)) for number, line in lines if line.startswith(_MAINTAINER)]
    common = Entry(source=Source(git_fetch=_ANY_BRANCH), maintainers=tuple(name for _, name in maintainers))
    drafts = []
    for number, line in lines:
        if line and not line.startswith("#"):
            entry = read_line(line, common)
            if entry is None:
                faults.append(Fault(number, f"`{line}` is not a one-line entry", _FORM))
            else:
                drafts.append(Draft(entry, {"": number}))
    faults.extend(check_tags(drafts))
    if not maintainers:
        faults.append(Fault(1, "no comment names a maintainer", MAINTAINER_FORM))
    for number, name in maintainers:
        faults.extend(check_maintainers(Draft(msgspec.structs.replace(common, maintainers=(name,)), {"": number})))
    return [Draft(common, {"": 1}), *drafts]


def read_line(line: str, common: Entry) -> Entry | None:
    """Return the entry of one line, or nothing where a part is missing.

    A commit that is no hash is a git tag, to be had as FETCH_HEAD of refs/tags/TAG.
    """
    tag, colon, rest = line.partition(":")
    repo, at, rest = rest.partition("@")
    commit, _, directory = rest.partition(" ")
    tag, repo, commit, directory = tag.strip(), repo.strip(), commit.strip(), directory.strip()
    if not (colon and at and tag and repo and commit):
        return None
    fetch = common.source.git_fetch
    if not _COMMIT.fullmatch(commit):
        fetch, commit = f"refs/tags/{commit}", "FETCH_HEAD"
    return Entry((tag,), source=Source(repo, fetch, commit, directory or "."), maintainers=common.maintainers)
