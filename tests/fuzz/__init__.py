"""Random Dockerfiles on random contexts, built for real: `python -m tests.fuzz --examples 10000`."""
