"""What is in images, and how they came to be: bills of materials and provenance."""
