"""The part of a run's log that one attempt wrote, and the lines of it that tell why it ended."""


def pick_attempt(text: str, attempt: int) -> list[str]:
    """The lines that the attempt wrote, of a log that holds several."""
    return text.splitlines()
