"""What goes into an image: Dockerfiles and their files from templates."""
