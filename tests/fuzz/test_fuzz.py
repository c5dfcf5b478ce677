import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sandbox import reason

ROOT = Path(__file__).parents[2]
EXAMPLES = os.environ.get("BREWHOUSE_EXAMPLES", "100")


@pytest.mark.skipif(bool(reason), reason=reason)
def test_random_dockerfiles_and_contexts_are_built_or_refused_and_touch_nothing_else() -> None:
    words = [sys.executable, "-m", "tests.fuzz", "--examples", EXAMPLES]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    assert " images, " in done.stdout
