"""Windows as far as Linux must know it: its layers, its paths, and Wine to run its programs."""
