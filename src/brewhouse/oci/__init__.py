"""Digests, references, platforms and documents of the OCI image specification: pure, without input or output."""
