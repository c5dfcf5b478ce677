"""What a build gives: images, archives, files, and the documents about them."""
