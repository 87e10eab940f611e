"""A file on its way to a dataset: where it comes from, how far it is, how that ended."""
