"""What images are called: simple tags, shared tags, library files."""
