"""Dockerfile text to instructions: pure, without input or output."""
