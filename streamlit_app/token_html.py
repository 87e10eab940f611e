"""A row as the tokens that are trained on, in HTML. Pure: values in, texts out."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from core.audit.result import Token

BREAK = "↵\n"
ROW = '<div class="token-row" tabindex="0" aria-label="Tokens of the row">{runs}{rest}</div>'
RUN = '<span class="{look}"><span class="unseen">[{word}] </span>{tokens}</span>'
REST = '<span class="rest">… and {count:,} more tokens</span>'
LEARNED, MASKED = "learned", "masked"


def draw(tokens: Sequence[Token], length: int) -> str:
    """The tokens in runs that are learned or masked; marks such as the end of a turn as chips."""
    rest = REST.format(count=length - len(tokens)) if length > len(tokens) else ""
    return ROW.format(runs="".join(_runs(tokens)), rest=rest)


def _runs(tokens: Sequence[Token]) -> Iterator[str]:
    for is_trained, run in groupby(tokens, key=lambda token: token.is_trained):
        look = LEARNED if is_trained else MASKED
        yield RUN.format(look=look, word=look, tokens="".join(map(_draw, run)))


def _draw(token: Token) -> str:
    # Half a surrogate pair cannot be sent to a browser.
    text = escape(token.text.encode("utf-8", "replace").decode("utf-8"))
    if token.is_special:
        return f'<span class="mark">{text or "(empty)"}</span>'
    return f"<span>{text.replace(chr(10), BREAK)}</span>"
