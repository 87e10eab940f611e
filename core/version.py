"""The version of this program, as pyproject.toml and the heartbeat have it."""

VERSION = "0.1.0"
