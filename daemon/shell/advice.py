"""What to do, where several commands say the same."""

HOW_TO_START = "Start it with `make run` or `systemctl start llm-trainer-daemon`."
HOW_TO_ENTER = "Work as its owner, or join its group and log in again."
SET_UP = "Run `make setup`, and use .venv/bin/python."
