"""May an image be shipped: what is wrong with it, by rules and by running it."""
