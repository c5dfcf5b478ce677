"""The command line: reads options, calls the pipeline, prints. Alone in printing and exiting."""

import gc
import sys

# Collecting while modules are imported takes a tenth of the start-up, and never finds anything.
gc.set_threshold(50_000, 20, 20)

# msgspec asks typing_extensions for what Python's own typing has too; to import it takes as long as msgspec itself.
if "typing_extensions" not in sys.modules:
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # so Python is told that there is none
    import msgspec  # noqa: F401

    del sys.modules["typing_extensions"]
