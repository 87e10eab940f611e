"""What is read of runs as they are watched: a look costs what has changed, not what exists."""
