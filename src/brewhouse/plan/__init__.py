"""What must be built, in what order, and what is already there."""
