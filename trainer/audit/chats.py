"""Many chats at once: Axolotl's own labels, with each chat written out and tokenised only once.

Axolotl writes a chat out twice and tokenises it twice, and once more for each turn to find where
the turn stands. Here its code is given what was written and tokenised for many chats together.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from trainer.audit.places import Placed, Placer
from trainer.audit.tally import Tokens

ROWS_AT_ONCE = 64
MAX_CHARACTERS = 500_000
"""So much text is tokenised at once; where each token stands takes a lot of memory."""


class Written(NamedTuple):
    """A chat as text, the row as Axolotl looks at it, and its turns."""

    text: str
    prompt: dict[str, Any]
    turns: list[dict[str, Any]]


class ChatReader:
    """Makes tokens and labels of chats with the strategy that Axolotl would use."""

    def __init__(self, strategy: Any) -> None:
        self._strategy = strategy
        self._write = find_writer(strategy.prompter)
        self._placer = Placer(strategy.tokenizer)
        self._find_difference = partial(find_difference, stand_ins=strategy._SENTINELS)

    def make(self, rows: Iterable[dict[str, Any]]) -> Iterator[list[Tokens] | None]:
        """The tokens of each row; None for one that Axolotl's own way must decide on."""
        held, characters = list[Written](), 0
        for row in rows:
            held.append(written := self._write_out(row))
            characters += len(written.text)
            if len(held) == ROWS_AT_ONCE or characters > MAX_CHARACTERS:
                yield from self._label_all(held)
                held, characters = [], 0
        yield from self._label_all(held)

    def _label_all(self, written: list[Written]) -> Iterator[list[Tokens] | None]:
        texts = [one.text for one in written if one.text]
        placed = self._placer.place(texts)
        for one in written:
            yield self._label(one, next(placed)) if one.text else None

    def _write_out(self, row: dict[str, Any]) -> Written:
        """The chat as text; none where anything is odd."""
        from axolotl.utils.dict import remove_none_values

        prompt = {name: remove_none_values([value])[0] for name, value in row.items()}
        try:
            turns = self._strategy.get_conversation_thread(prompt)
            text = self._write(turns, self._strategy._get_tools(prompt))
            return Written(text, prompt, turns)
        except Exception:
            return Written("", prompt, [])

    def _label(self, written: Written, placed: Placed) -> list[Tokens] | None:
        strategy, prompter = self._strategy, self._strategy.prompter
        ids, begins, ends = placed
        locator = written.text, begins, ends
        given = {
            (prompter, "build_prompt"): lambda *_, **__: ids,
            (prompter, "build_prompt_text"): self._write,
            (strategy, "get_conversation_thread"): lambda _: written.turns,
            (strategy, "_build_turn_locator"): lambda *_: locator,
            (strategy, "_diff_char_span"): self._find_difference,
        }
        for (holder, name), value in given.items():
            setattr(holder, name, value)
        try:
            made = strategy._tokenize_single_prompt(written.prompt)
        except Exception:
            return None
        finally:
            for holder, name in given:
                delattr(holder, name)
        return [Tokens(made["input_ids"], made["labels"])]


def can_read(strategy: Any) -> bool:
    """Whether the strategy is one that the reader knows in all its parts."""
    from axolotl.prompt_strategies.chat_template import ChatTemplatePrompter, ChatTemplateStrategy

    if type(strategy) is not ChatTemplateStrategy:
        return False
    prompter, tokenizer = strategy.prompter, strategy.tokenizer
    return (
        type(prompter) is ChatTemplatePrompter
        and prompter.processor is None
        and isinstance(prompter.chat_template, str)
        and bool(getattr(tokenizer, "is_fast", False))
        # Axolotl has a second, older way for chats of which no role is named.
        and bool(strategy.roles_to_train or strategy.train_on_eos or strategy.train_on_eot)
    )


def find_writer(prompter: Any) -> Any:
    """What `tokenizer.apply_chat_template` does to write a chat out, without its preparations."""
    from transformers.utils.chat_template_utils import _compile_jinja_template

    template = _compile_jinja_template(prompter.chat_template)
    # The same names as before; copying a chain of dicts takes longer than writing the chat.
    template.globals = dict(template.globals)
    options = {"documents": None, "add_generation_prompt": False}
    options |= {**prompter.tokenizer.special_tokens_map, **prompter.chat_template_kwargs}

    def write(conversation: list[dict[str, Any]], tools: Any = None) -> str:
        return str(template.render(messages=conversation, tools=tools or None, **options))

    return write


def find_difference(full: str, other: str, stand_ins: Sequence[str] = ()) -> tuple[int, int]:
    """Where the full text differs from the other: Axolotl's own answer, sooner.

    Axolotl compares character by character in Python. The other text is the full one with one of
    the stand-ins for a turn; most often they differ just there.
    """
    limit = min(len(full), len(other))
    before, behind = count_around(other, stand_ins)
    begin = count_alike(full, other, limit, before)
    return begin, len(full) - count_alike(full[::-1], other[::-1], limit - begin, behind)


def count_around(text: str, stand_ins: Sequence[str]) -> tuple[int, int]:
    """How many characters are before and behind the stand-in that is found in the text."""
    for stand_in in stand_ins:
        if (at := text.find(stand_in)) >= 0:
            return at, len(text) - at - len(stand_in)
    return 0, 0


def count_alike(left: str, right: str, limit: int, likely: int) -> int:
    """How many characters, `limit` at most, are the same at the beginning of both.

    That it is the `likely` number is tried first.
    """
    alike, unknown = 0, limit
    if likely <= limit and left[:likely] == right[:likely]:
        if left[likely : likely + 1] != right[likely : likely + 1]:
            return likely
        alike = likely
    while alike < unknown:
        middle = (alike + unknown + 1) // 2
        if left[alike:middle] == right[alike:middle]:
            alike = middle
        else:
            unknown = middle - 1
    return alike
