"""Which versions exist."""
