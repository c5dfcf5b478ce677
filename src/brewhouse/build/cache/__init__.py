"""The build cache: what each step made, by a key of all that decides it; and caches taken out and in."""
