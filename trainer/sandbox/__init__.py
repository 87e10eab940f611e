"""The sandbox: a process of its own that holds a loaded model and answers questions."""
