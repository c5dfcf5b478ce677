"""The reference says what the code says."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.shared import ROOT


def test_the_reference_of_commands_is_up_to_date() -> None:
    made = subprocess.run([sys.executable, ROOT / "docs" / "commands.py"], capture_output=True, check=True).stdout
    mend = "run: python docs/commands.py > docs/reference/commands.md"
    assert (ROOT / "docs" / "reference" / "commands.md").read_bytes() == made, mend


def test_the_reference_of_dockerfiles_is_up_to_date(tmp_path: Path) -> None:
    page = ROOT / "docs" / "reference" / "dockerfile.md"
    (tmp_path / "reference").mkdir()
    for source, target in ((ROOT / "docs" / "dockerfile.py", "dockerfile.py"), (page, "reference/dockerfile.md")):
        shutil.copy(source, tmp_path / target)
    subprocess.run([sys.executable, tmp_path / "dockerfile.py"], check=True)
    assert (tmp_path / "reference" / "dockerfile.md").read_text() == page.read_text(), "run: python docs/dockerfile.py"
