"""Every recorded page, byte for byte: 2026-08 on all branches, and the format of 2019."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from tests.support.shared import recorded

from brewhouse.oci.platform import Arch
from brewhouse.pipeline.pages import make_pages
from brewhouse.readme.branch import Branch, all_branches
from brewhouse.readme.edition import find_edition
from brewhouse.readme.pages import Checkout, LeftAlone, Page, PageRequest
from brewhouse.system.network.froms import read_facts

BRANCHES = {branch.name: branch for branch in all_branches()}


def read(path: Path) -> dict[str, str]:
    return msgspec.json.decode(path.read_bytes(), type=dict[str, str])


def pages(data: Path, branch: Branch, edition: str) -> Mapping[str, Page | LeftAlone]:
    """Make all pages of a branch from the recorded inputs."""
    request = PageRequest(
        overrides=data / "docs-overrides",
        edition=find_edition(edition),
        branches=(branch,),
        namespaces={Arch(name): value for name, value in read(data / "arch-namespaces.json").items()},
    )
    checkout = Checkout(data / "docs", data / "library", read(data / "logo-commits.json"))
    outcomes = list(make_pages(request, checkout, read_facts(data / "froms.json"), {}))
    assert all(isinstance(outcome, Page | LeftAlone) for outcome in outcomes)
    return {outcome.repo: outcome for outcome in outcomes if isinstance(outcome, Page | LeftAlone)}


@pytest.mark.parametrize(
    ("name", "edition", "branch"),
    [
        *(("docs-2026-08-21", "current", branch) for branch in BRANCHES),
        *(("seed-2019-01", "2019", branch) for branch in ("master", "windows-amd64")),
    ],
)
def test_every_recorded_page_of_a_branch_is_made_again_byte_for_byte(name: str, edition: str, branch: str) -> None:
    data = recorded(name)
    made = pages(data, BRANCHES[branch], edition)
    expected = {path.parent.name: path.read_bytes() for path in (data / "expected" / branch).glob("*/README.md")}
    by_hand = {repo for repo in expected if isinstance(made[repo], LeftAlone)}
    assert by_hand <= {"scratch"}
    assert len(expected) > len(by_hand)
    for repo in expected.keys() - by_hand:
        page = made[repo]
        assert isinstance(page, Page)
        assert page.text.encode() == expected[repo], f"{branch}/{repo}"
