"""The command line: reads options, calls the pipeline, prints. Alone in printing and exiting."""

import gc

# Collecting while modules are imported takes a tenth of the start-up, and never finds anything.
gc.set_threshold(50_000, 20, 20)
