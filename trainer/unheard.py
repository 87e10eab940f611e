"""What Axolotl tells of every turn of every row, at a level that it has switched off itself."""

from typing import Any


def spare_unheard() -> None:
    """Let nobody be asked again and again whether he listens: several times per turn of a chat.

    Before rows are tokenised; once more does no harm.
    """
    from axolotl.prompt_strategies import chat_template

    chat_template.LOG.debug = _tell_nobody


def _tell_nobody(*_: Any, **__: Any) -> None:
    pass
