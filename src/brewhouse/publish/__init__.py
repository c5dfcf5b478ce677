"""Images into and out of registries, layouts and archives, and whole families under all their tags."""
