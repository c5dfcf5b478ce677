"""`script/bench NAME [WORD...]`: run one comparison, or say which there are."""

import importlib
import sys
from pathlib import Path

_NOT_COMPARISONS = {"__init__", "__main__", "compare"}


def main() -> int:
    """Run the comparison that is named."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in _NOT_COMPARISONS)
    words = sys.argv[1:]
    if words[:1] == ["--reproducible"]:
        words[0] = "reproducible"
    if not words or words[0] not in names:
        for name in names:
            print(f"{name:14}{importlib.import_module(f'benchmarks.{name}').DESCRIPTION}", file=sys.stderr)
        return 0 if words in (["--help"], ["-h"]) else 2
    status = importlib.import_module(f"benchmarks.{words[0]}").main(words[1:])
    return int(status or 0)


if __name__ == "__main__":
    sys.exit(main())
