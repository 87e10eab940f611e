"""From the records of a file to the rows of a dataset."""
