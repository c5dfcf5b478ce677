"""The images: running Dockerfiles, assembling Debian root file systems, making layers."""
