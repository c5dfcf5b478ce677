"""RUN: commands, their mounts, and the layers that they leave."""
