"""Figures of speed, each as a ratio to a peer that ran in turns: modules with `DESCRIPTION` and `main(words)`."""
