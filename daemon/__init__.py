"""The supervisor: takes specs from the queue, starts trainings, follows them to their end."""
