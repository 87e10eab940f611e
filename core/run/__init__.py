"""A run on disk: where it is, what it reported, and the store that finds it."""
