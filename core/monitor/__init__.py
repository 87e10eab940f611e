"""What is read of runs while they are watched: each look costs what has changed, not what exists."""
