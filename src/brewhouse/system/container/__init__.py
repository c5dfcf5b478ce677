"""Commands in root file systems, apart from the host."""
