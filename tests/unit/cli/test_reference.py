"""The reference of commands says what the commands say."""

import subprocess
import sys

from tests.support.shared import ROOT


def test_the_reference_of_commands_is_up_to_date() -> None:
    made = subprocess.run([sys.executable, ROOT / "docs" / "commands.py"], capture_output=True, check=True).stdout
    mend = "run: python docs/commands.py > docs/reference/commands.md"
    assert (ROOT / "docs" / "reference" / "commands.md").read_bytes() == made, mend
