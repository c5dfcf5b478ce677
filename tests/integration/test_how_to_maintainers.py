"""Every command of the how-to pages for maintainers runs as it is written there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.repository import Repository
from tests.support.shared import ROOT, recorded

COMMAND = re.compile(r"^\$ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    """Return the commands in the console blocks of a page, in order."""
    text = (ROOT / "docs" / "how-to" / page).read_text()
    return [command for block in FENCE.findall(text) for command in COMMAND.findall(block)]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return a folder with the checkouts that the pages speak of."""
    today, then = recorded("docs-2026-08-21"), recorded("seed-2019-01")
    shutil.copytree(today / "library", tmp_path / "official-images" / "library")
    checkout = Repository(tmp_path / "docs")
    shutil.copytree(today / "docs", checkout.path, dirs_exist_ok=True)
    checkout.commit({})
    shutil.copytree(then / "docs", tmp_path / "docs-2018")
    shutil.copytree(then / "library", tmp_path / "library-2018")
    shutil.copy(today / "froms.json", tmp_path / "froms.json")
    shutil.copy(then / "froms.json", tmp_path / "froms-2018.json")
    (tmp_path / "new").mkdir()
    python = (today / "library" / "python").read_text()
    (tmp_path / "new" / "python").write_text(python.replace("Tags: 3.14.7-trixie,", "Tags: 3.14.8-trixie,"))
    for path in tmp_path.rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)
    return tmp_path


@pytest.mark.parametrize("page", ["library-files.md", "readme-pages.md"])
def test_every_command_of_the_page_runs_as_written(desk: Path, page: str) -> None:
    script = commands(page)
    assert len(script) > 5
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment |= {"BREWHOUSE_STORE": str(desk / "store"), "HOME": str(desk)}
    for name in ("BASHBREW_LIBRARY", "BASHBREW_ARCH", "BASHBREW_NAMESPACE"):
        environment.pop(name, None)
    done = subprocess.run(
        ["sh", "-eux"], input="\n".join(script), capture_output=True, text=True, cwd=desk, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
