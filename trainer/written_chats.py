"""ORPO's trainer takes what Axolotl has written out as texts for texts, whatever else is in a row.

It looks at any one of a row's columns to tell chats from texts, another one in every process. Where
that is the turns that the texts were written from, it would stop the training.
"""

from typing import Any


def keep_texts() -> None:
    """Let the trainer write out only rows whose answers are still chats."""
    from trl.experimental.orpo import orpo_trainer

    write = orpo_trainer.maybe_apply_chat_template

    def write_chats(example: dict[str, Any], *arguments: Any, **options: Any) -> dict[str, Any]:
        if isinstance(example.get("chosen"), str):
            return example
        return dict(write(example, *arguments, **options))

    orpo_trainer.maybe_apply_chat_template = write_chats
