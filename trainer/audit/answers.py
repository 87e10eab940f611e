"""Rows of preferences: a prompt and one or two answers, as Axolotl hands them to the trainer."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from core.audit.cut import PAIRED

PLACEHOLDER = "[[dummy_message]]"
"""What Axolotl asks in place of the prompt when it writes an answer out, and cuts off again.

It looks for the answer's first occurrence: an empty one, or one that the template's own words
contain, is cut at the wrong place.
"""

MISSING = "`prompt`, `chosen` and `rejected` must all have text once the row is written out"
MISSING_LABELLED = "`prompt` and `completion` must both have text once the row is written out"


@dataclass(frozen=True)
class Answers:
    """A row as text, and the tokens of each text as Axolotl counts them."""

    prompt: str
    texts: dict[str, str]
    prompt_length: int
    lengths: dict[str, int]

    @property
    def length(self) -> int:
        """What Axolotl compares with `sequence_len`."""
        return self.prompt_length + max(self.lengths.values())

    @property
    def is_spoiled(self) -> bool:
        """Whether Axolotl left its own words in an answer."""
        return any(PLACEHOLDER in text for text in self.texts.values())


class AnswerMaker:
    """Makes the texts of a row with Axolotl's own transformation for its type."""

    def __init__(
        self, cfg: Any, kind: Any, number: int, tokenizer: Any, columns: list[str]
    ) -> None:
        self._tokenizer = tokenizer
        self._names = ("chosen", "rejected") if cfg.rl in PAIRED else ("completion",)
        self._transform, self._removed = load_transform(cfg, kind, number, tokenizer, columns)

    def texts(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row as the trainer gets it. Raises what Axolotl raises at the row."""
        made = self._transform(dict(row))
        return {name: row[name] for name in row if name not in self._removed} | made

    def make(self, row: dict[str, Any]) -> Answers:
        """The row's texts and lengths. Raises what Axolotl raises at the row."""
        made = self.texts(row)
        texts: dict[str, Any] = {name: made.get(name) for name in ("prompt", *self._names)}
        if not all(texts.values()):
            raise ValueError(MISSING if len(texts) == 3 else MISSING_LABELLED)
        counts = self._tokenizer(list(texts.values()), add_special_tokens=False)["input_ids"]
        prompt, *answers = map(len, counts)
        return Answers(
            texts["prompt"],
            {name: texts[name] for name in self._names},
            prompt,
            dict(zip(self._names, answers, strict=True)),
        )


def load_transform(
    cfg: Any, kind: Any, number: int, tokenizer: Any, columns: list[str]
) -> tuple[Callable[[dict[str, Any]], dict[str, Any]], set[str]]:
    """Axolotl's transformation for the type of the dataset of that number, and what it removes."""
    if not kind:
        return lambda row: row, set()
    name = kind if isinstance(kind, str) else "user_defined.default"
    loaded = find_loader(name_of(cfg.rl))(name, cfg, dataset_idx=number)
    if loaded is None:
        raise ValueError(f"Axolotl knows no `type: {name}` for `rl: {name_of(cfg.rl)}`")
    transform, options = loaded if isinstance(loaded, tuple) else (loaded, {})
    if "tokenizer" in inspect.signature(transform).parameters:
        transform = partial(transform, tokenizer=tokenizer)
    removed = options.get("remove_columns") or []
    return transform, set(columns if removed == "__all__" else removed)


def name_of(rl: Any) -> str:
    """The kind of preference training as the spec names it; empty for none."""
    return str(getattr(rl, "value", rl) or "")


def find_loader(rl: str) -> Callable[..., Any]:
    """Axolotl's way to the transformations of this kind of training."""
    from axolotl.prompt_strategies import dpo, kto, orpo

    return {"orpo": orpo.load, "kto": kto.load}.get(rl, dpo.load)
