"""The pages: they read what the daemon wrote, and ask it for what a person wishes."""
