"""Which images we want."""
