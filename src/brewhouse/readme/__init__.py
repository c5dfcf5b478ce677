"""What users read: the pages of images."""
