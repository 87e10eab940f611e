"""What runs inside a child process: the training itself, the sandbox, the starter."""
