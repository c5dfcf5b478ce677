"""COPY and ADD: which files are meant, and how they are put into an image."""
